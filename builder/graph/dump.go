package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/lockforge/lockforge/builder/fault"
)

// Dump writes the graph as text, for people and for comparison: per platform
// its layers, configuration and steps with everything they read and write.
func (g *Graph) Dump(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "compression %s\nepoch %d\n", g.Compression, g.Epoch)
	for _, p := range g.Platforms {
		fmt.Fprintf(out, "\nplatform %s\n", p.Platform)
		for _, l := range p.Layers {
			fmt.Fprintf(out, "  layer %s: %s %s\n", l.Name, l.What, strings.Join(l.Files, " "))
		}
		fmt.Fprintf(out, "  config %s\n", p.Config)
		ops, err := readOps(p.Definition)
		if err != nil {
			return err
		}
		for _, o := range ops {
			g.dumpOp(out, o)
		}
	}
	if err := out.Flush(); err != nil {
		return fault.Wrap(fault.Internal, err, "writing a graph")
	}
	return nil
}

// op is one vertex of a definition: inputs are vertices before it.
type op struct {
	*pb.Op
	number int
	name   string
	inputs []string // "number.output"
}

// readOps decodes a definition, whose ops are in an order in which inputs come
// first.
func readOps(definition []byte) ([]op, error) {
	var def pb.Definition
	if err := def.UnmarshalVT(definition); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading a definition")
	}
	numbers := map[string]int{}
	var ops []op
	for i, raw := range def.Def {
		var o pb.Op
		if err := o.UnmarshalVT(raw); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "reading a definition")
		}
		d := string(digest.FromBytes(raw))
		numbers[d] = i
		read := op{Op: &o, number: i}
		if m := def.Metadata[d]; m != nil {
			read.name = m.Description["llb.customname"]
		}
		for _, in := range o.Inputs {
			from, ok := numbers[in.Digest]
			if !ok {
				return nil, fault.New(fault.Internal, "reading a definition: vertex %d needs one that comes later", i)
			}
			read.inputs = append(read.inputs, fmt.Sprintf("%d.%d", from, in.Index))
		}
		ops = append(ops, read)
	}
	return ops, nil
}

func (g *Graph) dumpOp(out io.Writer, o op) {
	switch v := o.Op.Op.(type) {
	case *pb.Op_Source:
		fmt.Fprintf(out, "  %d source %q %s\n", o.number, o.name, v.Source.Identifier)
		for _, k := range sortedKeys(v.Source.Attrs) {
			fmt.Fprintf(out, "      %s=%s\n", k, v.Source.Attrs[k])
		}
		_, sha, _ := strings.Cut(v.Source.Identifier, "@sha256:")
		if p, ok := g.Content.Packs[sha]; ok {
			for _, m := range p.Members() {
				fmt.Fprintf(out, "      member %s %d %s\n", m.Name, m.Size, m.SHA256)
			}
		}
		if b, ok := g.Content.Generated[sha]; ok {
			text, _ := io.ReadAll(io.NewSectionReader(b, 0, b.Size())) // it is in memory
			fmt.Fprintf(out, "      bytes %q\n", text)
		}
	case *pb.Op_Exec:
		fmt.Fprintf(out, "  %d exec %q %q network %s\n", o.number, o.name, v.Exec.Meta.Args, v.Exec.Network)
		for _, m := range v.Exec.Mounts {
			fmt.Fprintf(out, "      mount %s %s\n", m.Dest, describeMount(m, o.inputs))
		}
	case *pb.Op_Merge:
		fmt.Fprintf(out, "  %d merge %q %s\n", o.number, o.name, strings.Join(o.inputs, " "))
	default:
		fmt.Fprintf(out, "  %d result %s\n", o.number, strings.Join(o.inputs, " "))
	}
}

func describeMount(m *pb.Mount, inputs []string) string {
	var b strings.Builder
	switch {
	case m.MountType != pb.MountType_BIND:
		b.WriteString(strings.ToLower(m.MountType.String()))
	case m.Input < 0:
		b.WriteString("empty")
	default:
		b.WriteString("from " + inputs[m.Input])
	}
	if m.Selector != "" {
		b.WriteString(" " + m.Selector)
	}
	if m.Readonly {
		b.WriteString(" read-only")
	}
	if m.Output >= 0 {
		fmt.Fprintf(&b, " output %d", m.Output)
	}
	return b.String()
}
