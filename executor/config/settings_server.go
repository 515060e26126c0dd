package config

import "github.com/lockforge/lockforge/executor/gms/auth"

// serverSettings are about DataHub's server and how it knows the executor.
func serverSettings() []Setting {
	return append([]Setting{
		{
			Key: "gms.url", Names: []string{"DATAHUB_GMS_URL"}, Form: URL, Otherwise: "made of the four below",
			Meaning: "URL of the server with its path. DataHub Cloud's ends in /gms.",
			field:   func(c *Config) any { return &c.GMS.URL },
		},
		{
			Key: "gms.protocol", Names: []string{"DATAHUB_GMS_PROTOCOL"}, Form: Text, Default: "http", Choices: []string{"http", "https"},
			Meaning: "Scheme of the server's URL.",
			field:   func(c *Config) any { return &c.GMS.Protocol },
		},
		{
			Key: "gms.host", Names: []string{"DATAHUB_GMS_HOST"}, Form: Text, Default: "localhost",
			Meaning: "Host of the server.",
			field:   func(c *Config) any { return &c.GMS.Host },
		},
		{
			Key: "gms.port", Names: []string{"DATAHUB_GMS_PORT"}, Form: Text, Default: "8080",
			Meaning: "Port of the server.",
			field:   func(c *Config) any { return &c.GMS.Port },
		},
		{
			Key: "gms.base_path", Names: []string{"DATAHUB_GMS_BASE_PATH"}, Form: Text,
			Meaning: "Path of the server.",
			field:   func(c *Config) any { return &c.GMS.BasePath },
		},
		{
			Key: "gms.roots", Names: []string{"LOCKFORGE_EXECUTOR_CA_FILES", "REQUESTS_CA_BUNDLE"}, Form: List,
			Meaning: "PEM files of certificate authorities that are trusted beside the system's. SSL_CERT_FILE takes the place of the system's.",
			field:   func(c *Config) any { return &c.GMS.Roots },
		},
		{
			Key: "gms.timeout", Names: []string{"LOCKFORGE_EXECUTOR_GMS_TIMEOUT"}, Form: Seconds, Default: "30", Least: "1", Most: "600",
			Meaning: "Time for one exchange with the server.",
			field:   func(c *Config) any { return &c.GMS.Timeout },
		},
		{
			Key: "gms.retries", Names: []string{"DATAHUB_REST_EMITTER_DEFAULT_RETRY_MAX_TIMES"}, Form: Number, Default: "4", Most: "100",
			Meaning: "Attempts after the first, within one delivery. Results are delivered again for as long as it takes.",
			field:   func(c *Config) any { return &c.GMS.Retries },
		},
		{
			Key: "gms.payload_bytes", Names: []string{"ACRYL_EXECUTOR_GMS_PAYLOAD_MAX_LENGTH"}, Form: Bytes, Default: "15368520", Least: "65536", Most: "1GiB",
			Meaning: "Bound of one encoded result. A report is shortened to it, then the structured report left out. Set it to what the server's proxy, Kafka and database take.",
			field:   func(c *Config) any { return &c.GMS.PayloadBytes },
		},
	}, authSettings()...)
}

func authSettings() []Setting {
	return []Setting{
		{
			Key: "auth.type", Names: []string{"DATAHUB_AUTH_TYPE"}, Form: Text,
			Choices:   []string{auth.TypePAT, auth.TypeSystem, auth.TypeKubernetes, auth.TypeAzure, auth.TypeOIDC, auth.TypeNone},
			Otherwise: "pat where there is a token or its file, or else system where there is a system secret",
			Meaning:   "How the executor proves to the server who it is.",
			field:     func(c *Config) any { return &c.Auth.Type },
		},
		{
			Key: "auth.token", Names: []string{"DATAHUB_GMS_TOKEN"}, Form: SecretText,
			Meaning: "Personal access token, for pat.",
			field:   func(c *Config) any { return &c.Auth.Token },
		},
		{
			Key: "auth.token_file", Names: []string{"DATAHUB_AUTH_TOKEN_FILE"}, Form: Text,
			Meaning: "File of a token, for pat, where it is preferred to the token above, and for k8s_oidc. It is read again when it changes.",
			field:   func(c *Config) any { return &c.Auth.TokenFile },
		},
		{
			Key: "auth.system_id", Names: []string{"DATAHUB_SYSTEM_CLIENT_ID"}, Form: Text, Default: "__datahub_system",
			Meaning: "Name of the system client, for system.",
			field:   func(c *Config) any { return &c.Auth.SystemID },
		},
		{
			Key: "auth.system_secret", Names: []string{"DATAHUB_SYSTEM_CLIENT_SECRET"}, Form: SecretText,
			Meaning: "Secret of the system client, for system.",
			field:   func(c *Config) any { return &c.Auth.SystemSecret },
		},
		{
			Key: "auth.token_endpoint", Names: []string{"DATAHUB_AUTH_TOKEN_ENDPOINT"}, Form: URL,
			Meaning: "Token endpoint of the identity provider, for oidc_client_credentials.",
			field:   func(c *Config) any { return &c.Auth.TokenEndpoint },
		},
		{
			Key: "auth.client_id", Names: []string{"DATAHUB_AUTH_CLIENT_ID"}, Form: Text,
			Meaning: "Client, for oidc_client_credentials.",
			field:   func(c *Config) any { return &c.Auth.ClientID },
		},
		{
			Key: "auth.client_secret", Names: []string{"DATAHUB_AUTH_CLIENT_SECRET"}, Form: SecretText,
			Meaning: "Secret of the client, for oidc_client_credentials.",
			field:   func(c *Config) any { return &c.Auth.ClientSecret },
		},
		{
			Key: "auth.scope", Names: []string{"DATAHUB_AUTH_SCOPE"}, Form: Text,
			Meaning: "Scope that is asked for, for oidc_client_credentials.",
			field:   func(c *Config) any { return &c.Auth.Scope },
		},
		{
			Key: "auth.audience", Names: []string{"DATAHUB_AUTH_AUDIENCE"}, Form: Text,
			Meaning: "Audience that is asked for, for oidc_client_credentials and k8s_oidc.",
			field:   func(c *Config) any { return &c.Auth.Audience },
		},
		{
			Key: "auth.azure_tenant", Names: []string{"DATAHUB_AUTH_AZURE_TENANT_ID"}, Form: Text,
			Meaning: "Tenant, for azure_entra.",
			field:   func(c *Config) any { return &c.Auth.AzureTenant },
		},
		{
			Key: "auth.azure_client", Names: []string{"DATAHUB_AUTH_AZURE_CLIENT_ID"}, Form: Text,
			Meaning: "Client, for azure_entra.",
			field:   func(c *Config) any { return &c.Auth.AzureClient },
		},
		{
			Key: "auth.azure_scope", Names: []string{"DATAHUB_AUTH_AZURE_SCOPE"}, Form: Text,
			Meaning: "Scope that is asked for, for azure_entra.",
			field:   func(c *Config) any { return &c.Auth.AzureScope },
		},
		{
			Key: "auth.azure_secret", Names: []string{"DATAHUB_AUTH_AZURE_CLIENT_SECRET"}, Form: SecretText,
			Meaning: "Secret of the client, for azure_entra.",
			field:   func(c *Config) any { return &c.Auth.AzureSecret },
		},
		{
			Key: "auth.azure_token_file", Names: []string{"AZURE_FEDERATED_TOKEN_FILE"}, Form: Text,
			Meaning: "File of the workload's own token, for azure_entra without a secret. Workload identity sets it.",
			field:   func(c *Config) any { return &c.Auth.AzureTokenFile },
		},
		{
			Key: "auth.azure_authority", Names: []string{"AZURE_AUTHORITY_HOST"}, Form: URL, Otherwise: "that of the public cloud",
			Meaning: "Where Entra gives out tokens, for azure_entra.",
			field:   func(c *Config) any { return &c.Auth.AzureAuthority },
		},
	}
}
