// Answers, one JSON line per JSON line read, when robfig/cron v3 would fire. It made cases.jsonl beside it, with
// Debian's golang-go 1.19 and golang-github-robfig-cron-dev 3.0.1:
// GO111MODULE=off GOPATH=/usr/share/gocode go build -o robfig main.go
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"time"

	cron "github.com/robfig/cron"
)

type question struct {
	Expression string `json:"expression"`
	Zone       string `json:"zone"`
	After      int64  `json:"after"`
	Count      int    `json:"count"`
}

type answer struct {
	Fires []int64 `json:"fires"`
	Error string  `json:"error,omitempty"`
}

func main() {
	parser := cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		reply := answer{Fires: []int64{}}
		schedule, err := parser.Parse("CRON_TZ=" + asked.Zone + " " + asked.Expression)
		if err != nil {
			reply.Error = err.Error()
		} else {
			moment := time.Unix(asked.After, 0).UTC()
			for len(reply.Fires) < asked.Count {
				moment = schedule.Next(moment)
				if moment.IsZero() {
					break
				}
				reply.Fires = append(reply.Fires, moment.Unix())
			}
		}
		encoder.Encode(reply)
	}
}
