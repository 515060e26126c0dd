package dbtest_test

import (
	"net"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/dbtest"
)

func TestServersListenWhileTheTestRuns(t *testing.T) {
	for _, kind := range []string{dbtest.MySQL, dbtest.Postgres} {
		var address string
		if !t.Run(kind, func(t *testing.T) {
			s := dbtest.Start(t, kind)
			address = s.HostPort()
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
		}) || address == "" {
			continue
		}
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			t.Errorf("%s listens after its test", kind)
		}
	}
}
