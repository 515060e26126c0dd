package ingestion

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lockforge/lockforge/executor/task"
)

// Names in the directories of a run.
const (
	outName       = "out"         // below Work: what the child leaves for the executor
	reportName    = "report.json" // in outName
	tokenDir      = "credential"  // below Work: what the child only reads
	tokenFileName = "token"       // in tokenDir
	logsName      = "executor-logs"
	logName       = "ingestion-logs.log"
	artifactsName = "artifacts"
	keptName      = "ingestion_report.json" // in artifactsName
)

// places are the directories of one run. All have mode 0700.
type places struct {
	work      string // gone with the run; the child's directory is made in it
	out       string // the child writes there
	log       string // the log's file; "" without Logs.Dir
	artifacts string // the child writes there, and it stays; "" without Logs.Dir
}

// placesOf are the directories of a run that are gone with it.
func placesOf(o *Options, id string) places {
	work := filepath.Join(o.Work, id)
	return places{work: work, out: filepath.Join(work, outName)}
}

func (p places) report() string { return filepath.Join(p.out, reportName) }

func (p places) token() string { return filepath.Join(p.work, tokenDir, tokenFileName) }

// writable are the directories that the child may write besides its own.
func (p places) writable() []string {
	if p.artifacts == "" {
		return []string{p.out}
	}
	return []string{p.out, p.artifacts}
}

// CheckPlace says why a directory that is there cannot hold logs or scratch
// directories of runs: in a place that all may write somebody else could have
// made it, or a link. It has to be this user's own, or root's and closed to
// all but a group, as volumes are mounted.
func CheckPlace(dir string) error {
	_, err := owner(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// owner is 0 for root and else this user.
func owner(dir string) (uid int, err error) {
	info, err := os.Lstat(dir)
	if err != nil {
		return 0, err
	}
	const others = 0o002 // may write
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && info.IsDir() && int(stat.Uid) == os.Geteuid():
	case ok && info.IsDir() && stat.Uid == 0 && info.Mode().Perm()&others == 0:
	default:
		return 0, fmt.Errorf("%s exists and is not a directory of this user's own", dir)
	}
	return int(stat.Uid), nil
}

// base makes the directory in which those of runs are.
func base(dir string) error {
	if uid, err := owner(dir); err == nil && uid != os.Geteuid() {
		return nil // as it is mounted
	}
	return private(dir)
}

// private makes a directory that only this user can enter, which has to be
// this user's own if it is there already.
func private(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	uid, err := owner(dir)
	if err == nil && uid != os.Geteuid() {
		err = fmt.Errorf("%s exists and is root's", dir)
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// makePlaces makes the directories of a run. Of an earlier one with the id
// nothing stays but its artifacts. lost says why the run has no log on disk,
// which is no reason not to run.
func makePlaces(o *Options, id string) (p places, lost, err error) {
	p = placesOf(o, id)
	if err := task.Remove(p.work); err != nil {
		return p, nil, &Error{Kind: Local, Err: fmt.Errorf("clearing the scratch directory: %w", err)}
	}
	err = base(o.Work)
	for _, dir := range []string{p.work, p.out} {
		if err == nil {
			err = private(dir)
		}
	}
	if err != nil {
		return p, nil, &Error{Kind: Local, Err: fmt.Errorf("making the scratch directory: %w", err)}
	}
	if o.Logs.Dir == "" {
		return p, nil, nil
	}
	own := filepath.Join(o.Logs.Dir, id)
	err = base(o.Logs.Dir)
	for _, dir := range []string{own, filepath.Join(own, logsName), filepath.Join(own, artifactsName)} {
		if err == nil {
			err = private(dir)
		}
	}
	if err != nil {
		return p, fmt.Errorf("making the directory of logs: %w", err), nil
	}
	p.log, p.artifacts = filepath.Join(own, logsName, logName), filepath.Join(own, artifactsName)
	return p, nil, nil
}

// keep puts a masked report beside the other artifacts of a run.
func (p places) keep(document []byte) error {
	if p.artifacts == "" || len(document) == 0 {
		return nil
	}
	// What is there is the child's or an earlier run's, a link perhaps.
	path := filepath.Join(p.artifacts, keptName)
	if err := task.Remove(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(document)
	return errors.Join(err, f.Close())
}
