// Package check finds out whether an executor could work: what its
// configuration, image, disk, kernel, server and sources are like. It runs no
// task and writes nothing to the server. What is wrong is said with how to put
// it right:
//
//	checks := check.List(check.Inputs{Config: c, Warnings: warnings, Err: err, ...})
//	report := check.Run(ctx, checks, time.Now)
//	report.Text(stdout)
//	os.Exit(report.ExitCode())
package check
