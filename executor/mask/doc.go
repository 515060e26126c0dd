// Package mask keeps secrets out of what a run publishes. A Masker is made once
// per run from the run's secrets; it finds every one of them in a stream of
// bytes, plain or encoded, and puts a marker in its place:
//
//	m, err := mask.New(map[string]string{"DB_PASSWORD": "hunter2hunter2"})
//	w := m.Writer(out) // one per stream; Close writes what was held back
//
// What is found, for a value of at least MinLength bytes that is not one of
// the words true, false, yes, no, none and null (see Masker.Unmasked):
//
//   - the value, and without the white space around it; in all-lower and
//     all-upper case from 8 bytes on;
//   - escaped for JSON (with and without HTML safety, ASCII only, with "\/"),
//     by Python's repr (text and bytes), Go's %q, shell quotes, and JSON or repr
//     put into JSON once more;
//   - percent-encoded, by the rules of RFC 3986, Python, JavaScript and Go, with
//     digits of either case and "+" or "%20" for a space;
//   - escaped for XML and HTML;
//   - in hexadecimal of either case, and in base64 (RFC 4648, both alphabets) at
//     each of the three places at which it can begin in a longer text;
//   - each line of a value with several, from 8 bytes on, as text (not in base64
//     or hexadecimal);
//   - the password of a value that is a URL, and the strings with a telling key
//     of a value that is a JSON document, with everything above.
//
// Not found: a value cut in two by other bytes or over two streams, reversed,
// compressed, encrypted or hashed, base64 that is wrapped into lines, text in
// another character set, and up to six bits at either end of a base64 form.
//
// Matches may overlap: everything that belongs to any of them is replaced. No
// marker ever completes a secret, so masking twice gives what masking once does.
package mask
