// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

// refused checks that an error names what it must.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was not refused")
	}
	e := member.AsError(err)
	for _, w := range words {
		if !strings.Contains(e.Message+"\n"+e.Hint, w) {
			t.Errorf("%q is not in: %s (hint: %s)", w, e.Message, e.Hint)
		}
	}
}

func TestAPrivateGroupFromItsDisksToItsVolumesAndOverARestart(t *testing.T) {
	n := newNode(t, "sda", "sdb").start()
	n.makeGroup("data", false, "sda", "sdb")
	n.volume("data", "lin", "10m")
	_, err := n.CreateVolume(n.ctx(), api.VolumeCreate{Group: "data", Name: "str", Size: size(t, "8m"), Layout: config.Stripe, Columns: 2, Unit: 65536})
	if err != nil {
		t.Fatal(err)
	}
	tables := n.tables()
	if !strings.HasPrefix(tables["data-lin"], "0 20480 linear 8:") || !strings.HasPrefix(tables["data-str"], "0 16384 striped 2 128 8:") {
		t.Errorf("tables %q", tables)
	}

	dry, err := n.ResizeVolume(n.ctx(), "data", "lin", api.VolumeResize{Size: size(t, "12m"), DryRun: true})
	if err != nil || !dry.DryRun || len(dry.Plan) == 0 {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
	if diff := cmp.Diff(tables, n.tables()); diff != "" {
		t.Errorf("the dry run did something:\n%s", diff)
	}
	grown, err := n.ResizeVolume(n.ctx(), "data", "lin", api.VolumeResize{Size: size(t, "12m")})
	if err != nil || grown.Version != dry.Version || grown.Hash != dry.Hash {
		t.Errorf("grown: %+v, %v; the dry run said %+v", grown, err, dry)
	}
	if got := n.tables()["data-lin"]; !strings.Contains(got, "\n20480 4096 linear 8:") {
		t.Errorf("grown to %q", got)
	}
	if _, err := n.RemoveVolume(n.ctx(), "data", "str", api.VolumeRemove{}); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(n.tables())); !slices.Equal(got, []string{"data-lin"}) {
		t.Errorf("devices %v", got)
	}
	before, err := n.Group(n.ctx(), "data")
	if err != nil || before.DiskCount != 2 || before.VolumeCount != 1 || before.Volumes[0].Name != "lin" {
		t.Fatalf("%+v, %v", before, err)
	}
	list, err := n.Disks(n.ctx())
	if err != nil || len(list.Disks) != 2 || list.Disks[0].State != api.DiskMember || list.Disks[0].Group != "data" {
		t.Errorf("%+v, %v", list, err)
	}

	tables = n.tables()
	n.kill()
	n.start()
	n.enabled("data")
	after, err := n.Group(n.ctx(), "data")
	if err != nil || after.Hash != before.Hash {
		t.Errorf("after the restart: %+v, %v", after, err)
	}
	if diff := cmp.Diff(tables, n.tables()); diff != "" {
		t.Errorf("the restart changed tables:\n%s", diff)
	}
}

func TestBadRequestsNameWhatIsInTheWayAndTheNextStep(t *testing.T) {
	n := newNode(t, "sda", "sdb", "sdc", "sdd").start()
	n.makeGroup("data", false, "sda")
	n.volume("data", "vol1", "4m")
	n.foreign[n.path("sdb")] = "ext4"
	n.put("proc/self/mountinfo", "30 1 8:2 / /srv rw - xfs /dev/sdc rw\n")
	ctx := n.ctx()
	create := func(group string, shared bool, disks ...string) error {
		_, err := n.CreateGroup(ctx, api.GroupCreate{Name: group, Shared: shared, Disks: disks})
		return err
	}
	initialise := func(force bool, disks ...string) error {
		_, err := n.InitDisks(ctx, api.DiskInit{Disks: disks, Force: force})
		return err
	}
	volume := func(r api.VolumeCreate) error { _, err := n.CreateVolume(ctx, r); return err }
	_, noGroup := n.Group(ctx, "dat")
	_, noVolume := n.Volume(ctx, "data", "vol2")
	_, noResize := n.ResizeVolume(ctx, "data", "vol2", api.VolumeResize{Size: size(t, "8m")})
	for _, c := range []struct {
		name  string
		err   error
		words []string
	}{
		{"unknown group", noGroup, []string{"group dat", "plexus dg list"}},
		{"unknown volume", noVolume, []string{"volume vol2", "group data", "plexus volume list"}},
		{"unknown volume to resize", noResize, []string{"volume vol2", "plexus volume list"}},
		{"volume in an unknown group", volume(api.VolumeCreate{Group: "dat", Name: "v", Size: size(t, "4m")}), []string{"group dat"}},
		{"too large", volume(api.VolumeCreate{Group: "data", Name: "v", Size: size(t, "4g"), Layout: config.Concat}), []string{"v"}},
		{"half a sector", volume(api.VolumeCreate{Group: "data", Name: "v", Size: size(t, "4m"), Layout: config.Stripe, Columns: 1, Unit: 1000}), []string{"volume v", "1000 bytes"}},
		{"group exists", create("data", false, "sdd"), []string{"group data", "exists"}},
		{"disk of a group", create("more", false, "sda"), []string{"disk sda", "group data"}},
		{"not initialised", create("more", false, "sdd"), []string{"disk sdd", "plexus disk init sdd"}},
		{"no such disk", create("more", false, "sdz"), []string{"sdz", "plexus disk list"}},
		{"no cluster", create("more", true, "sdd"), []string{"shared group more", "not a member", "plexus cluster status"}},
		{"none named", initialise(false), []string{"none is named"}},
		{"foreign", initialise(false, "sdb"), []string{"sdb", "ext4", "--force"}},
		{"mounted", initialise(true, "sdc"), []string{"sdc", "mounted on /srv"}},
		{"member", initialise(false, "sda"), []string{"sda", "group data", "plexus dg show data"}},
		{"member, with force", initialise(true, "sda"), []string{"sda", "group data"}},
		{"one of two", initialise(true, "sdd", "sda"), []string{"sda", "group data"}},
		{"twice", initialise(true, "sdd", "sdd"), []string{"sdd", "twice"}},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.err, c.words...) })
	}
	list, err := n.Disks(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, d := range list.Disks {
		states = append(states, fmt.Sprint(d.State))
	}
	if got := strings.Join(states, " "); got != "member foreign foreign blank" {
		t.Errorf("the disks are now %s", got)
	}
}

func TestADiskOfAGroupWithoutVolumesIsNotInitialisedAnew(t *testing.T) {
	n := newNode(t, "sda").start()
	n.makeGroup("data", false, "sda")
	_, err := n.InitDisks(n.ctx(), api.DiskInit{Disks: []string{"sda"}, Force: true})
	refused(t, err, "disk sda", "group data")
	n.kill()
	n.start()
	n.enabled("data")
}

func TestAVolumeThatCannotBeLoadedLeavesNothingBehind(t *testing.T) {
	n := newNode(t, "sda")
	fail := make(chan bool, 1)
	fail <- false
	n.kernel.Before = func(_ context.Context, op, name string) error {
		f := <-fail
		fail <- f
		if f && op == "load" && name == "data-vol2" {
			return errors.New("no memory for the table")
		}
		return nil
	}
	n.start()
	n.makeGroup("data", false, "sda")
	n.volume("data", "vol1", "4m")
	before := n.tables()
	<-fail
	fail <- true
	_, err := n.CreateVolume(n.ctx(), api.VolumeCreate{Group: "data", Name: "vol2", Size: size(t, "4m"), Layout: config.Concat})
	t.Logf("answer: %v", err)
	n.see("the end of it", func() bool { return cmp.Equal(before, n.tables()) })
}

func TestAVolumeInUseIsNotRemoved(t *testing.T) {
	n := newNode(t, "sda").start()
	n.makeGroup("data", false, "sda")
	n.volume("data", "vol1", "4m")
	n.kernel.With(func(k *dmtest.Kernel) { _ = k.Open("data-vol1") })
	_, err := n.RemoveVolume(n.ctx(), "data", "vol1", api.VolumeRemove{})
	refused(t, err, "vol1", "open")
	if len(n.tables()) != 1 {
		t.Error("it is gone")
	}
}
