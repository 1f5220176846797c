package coordinator_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/internal/laws"
)

var update = flag.Bool("update", false, "rewrite the golden stories")

// TestStories plays testdata/*.story, as README.md there explains. A story is
// commands, one a line; below "----" stands what a command tells. Plans, actions
// and worlds are judged by package laws throughout.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(raw), "# "), "a story says first what it shows")
			got := play(t, string(raw))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			require.Equal(t, string(raw), got)
		})
	}
}

// A story is one that is being played.
type story struct {
	t     *testing.T
	line  string // the command's
	out   strings.Builder
	began time.Time
	now   time.Time

	cast    cast
	fleet   *coordinatortest.Fleet
	planner *coordinator.Planner
	epoch   uint64 // how often it was restarted
	judge   *laws.Judge

	blind, unseen bool // of the next tick
	faulty        bool // actions may answer with errors
	streams       []*stream
	vows          map[string]vow
	book          book
	told          telling
}

// commands are what a line of a story may begin with.
var commands map[string]func(*story, []string)

func init() { // they call one another
	commands = map[string]func(*story, []string){
		"use": (*story).use, "group": (*story).declare, "model": (*story).declare, "place": (*story).place,
		"update": (*story).update, "drop": (*story).drop, "restart": (*story).restart,
		"arrive": (*story).arrive, "finish": (*story).finish, "traffic": (*story).traffic,
		"leave": (*story).leave, "gone": (*story).gone, "break": (*story).breaks,
		"blind": (*story).goBlind, "unseen": (*story).goUnseen, "inject": (*story).inject,
		"freeze": (*story).freeze,
		"tick":   (*story).tick, "run": (*story).run, "away": (*story).away,
		"expect": (*story).expect, "always": (*story).always, "nothing": (*story).nothing, "anything": (*story).anything,
	}
}

// play runs a story and returns it with what it tells now.
func play(t *testing.T, text string) string {
	st := &story{t: t, began: epoch, now: epoch, vows: map[string]vow{}, book: newBook()}
	answers := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
			answers = false
			fmt.Fprintln(&st.out, line)
			continue
		case line == "----" || answers && commands[words[0]] == nil:
			answers = true
			continue
		}
		answers = false
		st.line = line
		fmt.Fprintln(&st.out, line)
		do := commands[words[0]]
		require.NotNil(t, do, "what is %q?", line)
		do(st, words)
	}
	return st.out.String()
}

// number, span and the rest read words of the command.
func (st *story) number(word string) int {
	n, err := strconv.Atoi(word)
	require.NoError(st.t, err, st.line)
	return n
}

func (st *story) span(word string) time.Duration {
	d, err := time.ParseDuration(word)
	require.NoError(st.t, err, st.line)
	return d
}

func (st *story) words(words []string, n int) []string {
	require.Len(st.t, words, n, st.line)
	return words
}
