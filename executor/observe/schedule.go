package observe

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a locked image has no time zones

	"github.com/robfig/cron/v3"
)

// Schedule says when a monitor is due, in an explicit time zone.
type Schedule struct {
	Cron string // five fields, or @hourly and the like
	Zone string // IANA name

	spec cron.Schedule
	zone *time.Location
}

var cronFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// ParseSchedule reads an expression of cron and the name of a time zone.
func ParseSchedule(expression, zone string) (Schedule, error) {
	s := Schedule{Cron: expression, Zone: zone}
	if strings.HasPrefix(expression, "@every") || strings.Contains(expression, "=") {
		return s, errors.New("want five fields such as \"0 6 * * *\"; the time zone has a key of its own")
	}
	var err error
	if s.spec, err = cronFields.Parse(expression); err != nil {
		return s, fmt.Errorf("want five fields such as \"0 6 * * *\": %w", err)
	}
	if zone == "" || zone == "Local" {
		return s, errors.New("the time zone is missing, such as UTC or Europe/Berlin")
	}
	if s.zone, err = time.LoadLocation(zone); err != nil {
		return s, fmt.Errorf("unknown time zone %q", zone)
	}
	if s.Next(time.Unix(0, 0)).IsZero() {
		return s, errors.New("this never comes")
	}
	return s, nil
}

// Next returns the first time after t.
func (s Schedule) Next(t time.Time) time.Time { return s.spec.Next(t.In(s.zone)) }
