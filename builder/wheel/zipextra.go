package wheel

import "fmt"

// Extra fields that real archivers write and that change neither name nor
// content, APPNOTE 4.5 and Info-ZIP's list. Others are refused, above all the
// Unicode path (0x7075), which gives a member a second name.
const (
	extraZip64   = 0x0001
	extraNTFS    = 0x000a // times
	extraUTime   = 0x5455 // times
	extraUnixOld = 0x5855 // times, owner
	extraUnix2   = 0x7855 // owner
	extraUnix3   = 0x7875 // owner
)

// zip64Values are the 8-byte values of a ZIP64 extra field, section 4.5.3. They
// stand, in a fixed order, for those header fields that hold all ones.
type zip64Values struct {
	values  fields
	present bool
	short   bool // a header field asked for more values than there are
}

// zip64 checks a member's extra fields and returns the ZIP64 one.
func (b fields) zip64() (*zip64Values, error) {
	long := &zip64Values{}
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, fmt.Errorf("extra field is truncated")
		}
		id, n := b.u16(), int(b.u16())
		if n > len(b) {
			return nil, fmt.Errorf("extra field %#04x is truncated", id)
		}
		value := b.take(n)
		switch id {
		case extraZip64:
			if long.present || n%8 != 0 {
				return nil, fmt.Errorf("ZIP64 mismatch: two extra fields, or one of %d bytes", n)
			}
			long.present, long.values = true, value
		case extraNTFS, extraUTime, extraUnixOld, extraUnix2, extraUnix3:
		default:
			return nil, fmt.Errorf("extra field %#04x is not a known one", id)
		}
	}
	return long, nil
}

// resolve gives the value of a 4-byte header field: its own, or the next ZIP64
// one where it holds all ones.
func (z *zip64Values) resolve(field uint32) uint64 {
	if field != unset32 {
		return uint64(field)
	}
	if len(z.values) < 8 {
		z.short = true
		return 0
	}
	return z.values.u64()
}

// repeats drops values that say again what the fields of a local header said
// without their help. The protobuf wheels have such extra fields.
func (z *zip64Values) repeats(size, packed uint64) {
	if values := z.values; len(values) == 16 && values.u64() == size && values.u64() == packed {
		z.values = nil
	}
}

// done checks that the header fields asked for exactly the values there are.
func (z *zip64Values) done() error {
	if z.short || len(z.values) != 0 {
		return fmt.Errorf("ZIP64 mismatch: extra field and header do not fit")
	}
	return nil
}
