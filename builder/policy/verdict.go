package policy

// Status is the outcome of one rule.
type Status string

const (
	Pass Status = "pass"
	Deny Status = "deny"
	// Failed means that the rule could not be evaluated.
	Failed Status = "error"
)

// Verdict is what a rule set says about one platform of an image.
type Verdict struct {
	Platform     string       `json:"platform"`
	Denied       bool         `json:"denied"`
	PolicyDigest string       `json:"policyDigest"` // "sha256:<hex>" of the rule set
	Rules        []RuleResult `json:"rules"`        // sorted by ID
	Allowed      []Exception  `json:"allowed"`      // exceptions that were used, sorted
}

// RuleResult is what one rule found.
type RuleResult struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Severity string    `json:"severity"`
	Status   Status    `json:"status"`
	Fix      string    `json:"fix,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	// Error says why the rule could not be evaluated.
	Error string `json:"error,omitempty"`
}

// Finding is one reason for a denial.
type Finding struct {
	Msg      string `json:"msg"`
	Path     string `json:"path,omitempty"`
	Layer    string `json:"layer,omitempty"` // name or digest
	Evidence string `json:"evidence,omitempty"`
}

// Exception is something forbidden that the manifest or a rule admits.
type Exception struct {
	Rule   string `json:"rule"`
	What   string `json:"what"`
	Reason string `json:"reason"`
}
