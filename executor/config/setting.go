package config

import "slices"

// Setting is one row of the table: one thing that can be configured.
type Setting struct {
	Key   string   // its place in the file: "gms.url" is url in the mapping gms
	Names []string // its variables; the first that is not empty counts
	Form  Form
	// Default has the form of a variable. Where a default depends on other
	// settings it is empty, and Otherwise says what holds.
	Default, Otherwise string
	Choices            []string // all that a [Text] or the parts of a [List] can be; nil is anything
	Least, Most        string   // bounds, in the form of a variable; "" is none
	Meaning            string

	field func(*Config) any // a pointer to what is set
}

// Form says how a value is written.
type Form string

// The forms. A variable that is a list has commas between its parts, or is a
// JSON list; in the file it is a sequence. A variable that is a mapping has
// "name=value" parts.
const (
	Text         Form = "text"
	URL          Form = "URL"          // http or https, without credentials
	SecretText   Form = "secret"       // a text that is never printed
	List         Form = "list"         // of texts
	Pairs        Form = "mapping"      // of texts to texts, whose values are never printed
	Switch       Form = "switch"       // true or false; also yes, no, on, off, 1 and 0
	Number       Form = "number"       // whole
	Fraction     Form = "fraction"     // of 1
	Seconds      Form = "seconds"      // or with a unit: 90, 1m30s
	Milliseconds Form = "milliseconds" // or with a unit: 1500, 1.5s
	Days         Form = "days"         // or with a unit: 14, 36h
	Bytes        Form = "bytes"        // or with a unit: 1024768, 1MiB
	Megabytes    Form = "megabytes"    // of 1,000,000 bytes, or with a unit: 10000, 10GB
	Size         Form = "size"         // always with a unit: 512MiB
)

// Settings returns the table, in the order of the file.
func Settings() []Setting {
	return slices.Concat(processSettings(), serverSettings(), sourceSettings(), secretSettings(),
		runSettings(), stateSettings(), outwardSettings())
}

// Prefixed is a family of variables that are one mapping in the file.
type Prefixed struct {
	Key     string
	Prefix  string // of the variables; what follows it names the property
	Meaning string

	field func(*Config) *Properties
}

// Families returns the families of variables.
func Families() []Prefixed {
	return []Prefixed{{
		Key: "kafka.properties", Prefix: "KAFKA_PROPERTIES_",
		Meaning: "Settings of the Kafka client, by their Java or librdkafka names: KAFKA_PROPERTIES_SECURITY_PROTOCOL is security.protocol.",
		field:   func(c *Config) *Properties { return &c.Kafka.Properties },
	}}
}
