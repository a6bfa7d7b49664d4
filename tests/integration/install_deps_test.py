"""deploy/install-deps on machines it may meet, played by small programs put first on its PATH."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import bookcast_test

SCRIPT = bookcast_test.SOURCE / "deploy" / "install-deps"
TOOLS = ("bash cat env grep mktemp rm sed tail").split()

# A machine's package database is the file "installed"; what apt-get was asked for is in "asked".
DPKG_QUERY = 'grep -qx -e "${@: -1}" "$MACHINE/installed" && printf installed'
APT_CACHE = '[ -e "$MACHINE/lists" ] && printf "%s:\\n  Candidate: 1.0\\n" "$2"; exit 0'
APT_GET = r'''
echo "$*" >>"$MACHINE/asked"
if [ -e "$MACHINE/offline" ]; then
	echo "W: Failed to fetch http://deb.example/InRelease  Temporary failure resolving 'deb.example'"
	case " $* " in *" install "*) exit 100 ;; *) exit 0 ;; esac
fi
case " $* " in
*" update "*) : >"$MACHINE/lists" ;;
*" install "*)
	if [ -e "$MACHINE/stale-lists" ]; then
		rm "$MACHINE/stale-lists"
		echo "E: Failed to fetch http://deb.example/x.deb  404  Not Found"
		exit 100
	fi
	for word in "$@"; do case "$word" in -* | *=* | install) ;; *) echo "$word" >>"$MACHINE/installed" ;; esac; done
	;;
esac
'''


class InstallDepsTest(unittest.TestCase):
    def setUp(self):
        self.machine = pathlib.Path(tempfile.mkdtemp(prefix="bookcast-test."))
        self.addCleanup(shutil.rmtree, self.machine)
        (self.machine / "bin").mkdir()
        for tool in TOOLS:
            (self.machine / "bin" / tool).symlink_to(shutil.which(tool))
        (self.machine / "installed").touch()
        (self.machine / "asked").touch()
        self.program("dpkg-query", DPKG_QUERY)
        self.program("apt-cache", APT_CACHE)
        self.program("apt-get", APT_GET)
        self.user(0)

    def program(self, name, text):
        path = self.machine / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
        path.chmod(0o755)

    def user(self, uid):
        self.program("id", f"echo {uid}")

    def run_script(self, *arguments):
        return subprocess.run([shutil.which("bash"), str(SCRIPT), *arguments], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={"PATH": f"{self.machine}/bin", "MACHINE": str(self.machine)})

    def asked(self):
        return (self.machine / "asked").read_text().splitlines()

    def test_with_everything_there_it_needs_neither_root_nor_network(self):
        (self.machine / "installed").write_text(self.run_script("--list").stdout)
        (self.machine / "offline").touch()
        self.user(1000)
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.asked(), [])

    def test_root_installs_what_is_missing_and_only_that(self):
        every = self.run_script("--list").stdout.split()
        (self.machine / "installed").write_text("\n".join(every[:-1]) + "\n")
        (self.machine / "lists").touch()
        done = self.run_script()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.asked()), 1, "no update: the lists know the package")
        self.assertTrue(self.asked()[0].endswith(f"install --no-install-recommends {every[-1]}"))

    def test_the_lists_are_read_where_they_are_missing_or_old(self):
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual([a.split()[-1] == "update" for a in self.asked()], [True, False])
        (self.machine / "installed").write_text("")
        (self.machine / "asked").write_text("")
        (self.machine / "stale-lists").touch()
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual([a.split()[-1] == "update" for a in self.asked()], [False, True, False])

    def test_a_user_without_sudo_is_told_what_an_administrator_runs(self):
        self.user(1000)
        done = self.run_script("run")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install -y --no-install-recommends libwebsockets-evlib-uv", done.stderr)
        self.assertEqual(self.asked(), [])

    def test_sudo_is_used_without_ever_asking_for_a_password(self):
        self.user(1000)
        self.program("sudo", '[ "$1" = -n ] || exec cat; shift; exec "$@"')  # without -n it would wait
        self.program("true", "exit 0")
        self.assertEqual(self.run_script().returncode, 0)
        self.program("sudo", '[ "$1" = -n ] || exec cat; echo "sudo: a password is required" >&2; exit 1')
        (self.machine / "installed").write_text("")
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("An administrator can run this once", done.stderr)

    def test_no_network_is_called_by_its_name(self):
        for lists in (False, True):
            (self.machine / "offline").touch()
            if lists:
                (self.machine / "lists").touch()
            done = self.run_script()
            self.assertEqual(done.returncode, 1)
            self.assertIn("the package mirror cannot be reached", done.stderr)

    def test_a_package_that_this_release_lacks_is_named(self):
        self.program("apt-cache", "exit 0")
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("this release does not have all of: gcc", done.stderr)

    def test_another_distribution_is_told_the_list(self):
        (self.machine / "bin" / "apt-get").unlink()
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("neither Debian nor Ubuntu", done.stderr)
        self.assertIn("libzmq3-dev", done.stderr)

    def test_wrong_use(self):
        self.assertEqual(self.run_script("everything").returncode, 2)


if __name__ == "__main__":
    bookcast_test.main()
