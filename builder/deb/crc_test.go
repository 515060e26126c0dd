package deb

import (
	"encoding/binary"
	"hash/crc32"
)

// putCRC32 rewrites the checksum at the end of an xz block header.
func putCRC32(header []byte) {
	end := len(header) - 4
	binary.LittleEndian.PutUint32(header[end:], crc32.ChecksumIEEE(header[:end]))
}
