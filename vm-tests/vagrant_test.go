//go:build vm

// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"os"
	"os/exec"
	"testing"
)

func TestTheVagrantfileIsValid(t *testing.T) {
	if _, err := exec.LookPath("vagrant"); err != nil {
		t.Skip("vagrant is not installed; vm-tests/setup installs it")
	}
	dir, err := SourceDir(testContext(t))
	must(t, err)
	validate := exec.CommandContext(testContext(t), "vagrant", "validate", "--ignore-provider")
	validate.Dir = dir
	validate.Env = append(os.Environ(), "VAGRANT_HOME="+t.TempDir(), "VAGRANT_DOTFILE_PATH="+t.TempDir())
	if out, err := validate.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
