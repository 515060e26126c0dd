package recipe_test

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/recipe"
)

func TestNativeCodeIsRefusedWhereverItIsNamed(t *testing.T) {
	policy, err := recipe.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	for config, refused := range map[string]bool{
		`uri_args: {Driver: /data/x.so}`:                                                      true,
		`uri_args: {driver: ./x.so}`:                                                          true,
		`uri: "mssql+pyodbc:///?odbc_connect=Driver%3D/data/x.so"`:                            true,
		`uri: "mssql+pyodbc:///?odbc_connect=DRIVER%3d%2Fdata%2Fx.so"`:                        true,
		`connection_string: "Server=x;Driver={/data/x.so}"`:                                   true,
		`uri: "sqlite:///x?load_extension=x"`:                                                 true,
		`spark_config: {spark.jars.packages: "a:b:1"}`:                                        true,
		`spark_config: {spark.driver.extraJavaOptions: "-javaagent:x"}`:                       true,
		`options: {connect_args: {enable_load_extension: true}}`:                              true,
		`accept_ibm_jdbc_license: true`:                                                       true,
		`options: {connect_args: {config: {autoinstall_known_extensions: true}}}`:             true,
		`options: {connect_args: {config: {custom_extension_repository: "https://x"}}}`:       true,
		`connect_uri: "duckdb:///x?autoload_known_extensions=true"`:                           true,
		`connect_uri: "duckdb:///x?custom_extension_repository=x"`:                            true,
		`connect_uri: "duckdb:///x?access_mode=read_only"`:                                    false,
		`uri_args: {driver: ODBC Driver 18 for SQL Server}`:                                   false,
		`uri: "mssql+pyodbc://h:1/db?driver=ODBC+Driver+18+for+SQL+Server"`:                   false,
		`connection_string: "Driver={ODBC Driver 18};Server=tcp:h/x"`:                         false,
		`jdbc: {driver: org.postgresql.Driver, uri: "jdbc:postgresql://h/db"}`:                false,
		`spark_config: {spark.sql.shuffle.partitions: 4, spark.driver.memory: 2g}`:            false,
		`description: "the driver of change / and of growth", host_port: "driver.example:80"`: false,
	} {
		r, err := recipe.Parse(strings.NewReader("source: {type: mysql, config: {" + config + "}}"))
		if err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		got := false
		for _, f := range policy.Check(r, "mysql").Findings {
			got = got || f.Rule == "RP016-library"
		}
		if got != refused {
			t.Errorf("%s: refused %v, want %v", config, got, refused)
		}
	}
}
