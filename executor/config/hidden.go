package config

import "strings"

// Hidden returns every secret value by its key, for a mask over what the
// executor itself prints: libraries may quote in an error what they were given.
func (c *Config) Hidden() map[string]string {
	hidden := map[string]string{}
	for _, s := range Settings() {
		if c.Kafka == nil && strings.HasPrefix(s.Key, "kafka.") || c.Poll == nil && strings.HasPrefix(s.Key, "poll.") {
			continue
		}
		switch field := s.field(c).(type) {
		case *Secret:
			if field.Set() {
				hidden[s.Key] = field.Reveal()
			}
		case *Properties:
			for name, value := range *field {
				hidden[s.Key+"."+name] = value
			}
		}
	}
	if c.Kafka != nil {
		for name, value := range c.Kafka.Properties {
			if secretProperty(name) {
				hidden["kafka.properties."+name] = value
			}
		}
	}
	return hidden
}

// secretProperty tells the properties of Kafka's clients whose values are
// secret by their names: the others are words such as PLAIN, which are not to
// be masked wherever they are.
func secretProperty(name string) bool {
	for _, part := range []string{"password", "secret", "jaas", "token", "user.info", "ssl.key.pem", "keystore.key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
