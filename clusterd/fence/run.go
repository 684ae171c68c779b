// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"errors"
	"time"
)

// errLeftBehind says that an act did not come back by the deadline of its stage.
var errLeftBehind = errors.New("not done by its deadline; it goes on by itself or hangs")

// Run carries a plan out. It does every stage, whatever becomes of those before, and returns after the sum of their limits
// at the latest, or, each stage cut short, soon after ctx ends. The gate is shut even then.
func Run(ctx context.Context, env Env, p Plan) Report {
	r := Report{Seq: p.Seq, Begun: time.Now()}
	for _, s := range p.Stages {
		r.Stages = append(r.Stages, s.run(ctx, env))
	}
	r.Took = time.Since(r.Begun)
	return r
}

func (s Stage) run(ctx context.Context, env Env) StageReport {
	ctx, cancel := context.WithTimeout(ctx, s.Limit)
	defer cancel()
	begun := time.Now()
	out := StageReport{Name: s.Name, Acts: make([]ActReport, len(s.Acts))}
	if s.Together {
		running := make([]<-chan ActReport, len(s.Acts))
		for i, a := range s.Acts {
			running[i] = start(ctx, env, a)
		}
		for i, a := range s.Acts {
			out.Acts[i] = await(ctx, a, running[i])
		}
	} else {
		for i, a := range s.Acts {
			out.Acts[i] = await(ctx, a, start(ctx, env, a))
		}
	}
	out.Took = time.Since(begun)
	return out
}

// start begins an act on a goroutine of its own: a write to sysfs can hang for as long as a disk does.
func start(ctx context.Context, env Env, a Act) <-chan ActReport {
	done := make(chan ActReport, 1)
	go func() {
		begun := time.Now()
		proof, err := a.do(ctx, env)
		done <- ActReport{Act: a.String(), Proof: proof, Error: text(err), Took: time.Since(begun)}
	}()
	return done
}

// grace is how much longer than its ctx an act may take to come back and say how far it got.
const grace = 100 * time.Millisecond

func await(ctx context.Context, a Act, done <-chan ActReport) ActReport {
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r
	case <-time.After(grace):
	}
	return ActReport{Act: a.String(), Error: errLeftBehind.Error()}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
