package wheel

// Limits of what Open and Verify accept. The largest wheel of the measured
// connector set has 60 MB, 200 MB unpacked and 5 000 members.
const (
	MaxArchive    = 2 << 30  // bytes of a wheel
	MaxMember     = 2 << 30  // bytes of one unpacked member
	MaxTotal      = 6 << 30  // bytes of all unpacked members
	MaxMembers    = 100_000  // members, directories included
	MaxDirectory  = 32 << 20 // bytes of the central directory
	MaxPath       = 1024     // bytes of a member's name
	MaxPathPart   = 255      // bytes of one part of a member's name, the limit of Linux file systems
	MaxPathDepth  = 64       // parts of a member's name
	MaxMetadata   = 8 << 20  // bytes of METADATA
	MaxWheelFile  = 64 << 10 // bytes of WHEEL
	MaxRecord     = 32 << 20 // bytes of RECORD
	MaxEntryPoint = 4 << 20  // bytes of entry_points.txt
	MaxFileName   = 255      // bytes of the wheel's own file name
)
