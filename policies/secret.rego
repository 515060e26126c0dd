# METADATA
# title: No secret in the configuration
# description: No variable, label or history line of the image holds a credential.
# custom:
#   id: LF017-secret
#   severity: critical
#   fix: remove the value from the base image or the manifest and revoke it; the image may already have been pulled
package lockforge.config.secret

ready if {
	is_array(input.config.env)
	is_object(input.config.labels)
	is_array(input.config.history)
}

sensitive := `(?i)(passwd|password|secret|token|api_?key|access_?key|private_?key|credential)`

texts contains {"where": sprintf("variable %s", [split(pair, "=")[0]]), "text": pair} if some pair in input.config.env

texts contains {"where": sprintf("label %s", [name]), "text": value} if some name, value in input.config.labels

texts contains {"where": sprintf("history %d", [i]), "text": line} if some i, line in input.config.history

# The evidence names the place and never repeats the value.
deny contains finding("an address holds a user name or password", item.where) if {
	some item in texts
	regex.match(`://[^/@[:space:]]+@`, item.text)
}

deny contains finding("a private key", item.where) if {
	some item in texts
	contains(item.text, "PRIVATE KEY-----")
}

deny contains finding("a variable with the name of a secret has a value", sprintf("variable %s", [name])) if {
	some pair in input.config.env
	at := indexof(pair, "=")
	name := substring(pair, 0, at)
	regex.match(sensitive, name)
	substring(pair, at + 1, -1) != ""
}

finding(msg, where) := {"msg": msg, "path": "", "evidence": where}
