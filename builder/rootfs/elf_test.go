package rootfs

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// elfOptions describe a shared object without code. Machine 0 is amd64.
type elfOptions struct {
	soname, runpath string
	needed          []string
	machine         uint16
}

// elfFile makes a shared object that holds a dynamic section and nothing else.
func elfFile(o elfOptions) []byte {
	names := []byte{0}
	text := func(s string) uint64 {
		at := len(names)
		names = append(append(names, s...), 0)
		return uint64(at)
	}
	var dynamic []uint64
	for _, n := range o.needed {
		dynamic = append(dynamic, uint64(elf.DT_NEEDED), text(n))
	}
	if o.soname != "" {
		dynamic = append(dynamic, uint64(elf.DT_SONAME), text(o.soname))
	}
	if o.runpath != "" {
		dynamic = append(dynamic, uint64(elf.DT_RUNPATH), text(o.runpath))
	}
	dynamic = append(dynamic, 0, 0)

	machine := o.machine
	if machine == 0 {
		machine = uint16(elf.EM_X86_64)
	}
	const headerSize, sectionSize = 64, 64
	namesAt := uint64(headerSize)
	dynamicAt := namesAt + uint64(len(names))
	sectionsAt := dynamicAt + uint64(8*len(dynamic))
	header := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: machine, Version: 1, Shoff: sectionsAt, Ehsize: headerSize, Shentsize: sectionSize, Shnum: 3, Shstrndx: 1,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	sections := []elf.Section64{
		{},
		{Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names))},
		{Type: uint32(elf.SHT_DYNAMIC), Off: dynamicAt, Size: uint64(8 * len(dynamic)), Link: 1, Entsize: 16},
	}
	var buf bytes.Buffer
	for _, part := range []any{header, names, dynamic, sections} {
		binary.Write(&buf, binary.LittleEndian, part) // into memory: cannot fail
	}
	return buf.Bytes()
}

func TestReadObject(t *testing.T) {
	file := elfFile(elfOptions{soname: "liba.so.1", needed: []string{"libb.so.2", "libc.so.6"}, runpath: "$ORIGIN/../x:/opt/lib"})
	got, err := readObject(string(file), elf.EM_X86_64)
	if err != nil {
		t.Fatal(err)
	}
	want := &object{soname: "liba.so.1", needed: []string{"libb.so.2", "libc.so.6"}, runpath: []string{"$ORIGIN/../x", "/opt/lib"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(object{})); diff != "" {
		t.Error(diff)
	}
	if got, err := readObject("#!/bin/sh\n", elf.EM_X86_64); got != nil || err != nil {
		t.Error(got, err)
	}
	if _, err := readObject(string(file), elf.EM_AARCH64); err == nil {
		t.Error("another machine is accepted")
	}
	for cut := 4; cut < len(file); cut += 7 {
		readObject(string(file[:cut]), elf.EM_X86_64) // must not panic
	}
}
