"""Where a fault happens: network namespaces, mounts, memory groups. Namespaces and mounts have no name and end with the
process that made them, however it ends; of a group an empty directory may be left by a test that was killed."""
import ctypes
import os
import subprocess

import bookcast_test

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
NEAR, FAR = "10.1.0.1", "10.1.0.2"
_libc = ctypes.CDLL(None, use_errno=True)


def needs_root():
    """Why not, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("ip", "nft", "tc", "nsenter", "unshare"):
        if subprocess.run(["which", tool], capture_output=True).returncode != 0:
            return f"needs {tool}"
    done = subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True)
    return None if done.returncode == 0 else "this machine allows no namespaces"


def leave(flags):
    """This process gets namespaces of its own."""
    if _libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")


class Far:
    """A second network beside ours, one cable between: 10.1.0.1 is here, 10.1.0.2 there. This process must be expendable,
    since it leaves the network it was in."""

    def __init__(self, case):
        leave(CLONE_NEWNET)
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"], preexec_fn=bookcast_test._die_with_parent)
        case.addCleanup(self.end)
        ours = os.readlink("/proc/self/ns/net")
        bookcast_test.wait_until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != ours, "another network")
        self.enter = ("nsenter", "-t", str(self.holder.pid), "-n")
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(self.holder.pid))
        for name, address, where in (("near", NEAR, ()), ("far", FAR, self.enter)):
            run(*where, "ip", "addr", "add", f"{address}/24", "dev", name)
            run(*where, "ip", "link", "set", name, "up")
            run(*where, "ip", "link", "set", "lo", "up")

    def rules(self, *rules):
        """These for what comes in and goes out there, in the place of those before; none: all passes."""
        text = "flush ruleset\n"
        if rules:
            text += "table inet t {\n"
            for hook in ("input", "output"):
                text += f" chain {hook} {{ type filter hook {hook} priority 0;\n"
                text += "".join(f"  {rule}\n" for way, rule in rules if way in (hook, "both")) + " }\n"
            text += "}\n"
        run(*self.enter, "nft", "-f", "-", stdin=text)

    def thin(self, rate):
        run(*self.enter, "tc", "qdisc", "replace", "dev", "far", "root", "tbf", "rate", rate, "burst", "4kb",
            "latency", "2s")

    def thick(self):
        run(*self.enter, "tc", "qdisc", "del", "dev", "far", "root")

    def end(self):
        self.holder.kill()
        self.holder.wait()


def small_disk(path, size="1m"):
    """A file system of its own at `path`, for this process and those it starts."""
    leave(CLONE_NEWNS)
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path))


class MemoryGroup:
    """A cgroup (version 1 or 2) with a limit; the kernel ends who goes over it."""

    def __init__(self, case):
        self.path = next((p for p in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                          if os.path.exists(f"{p}/cgroup.procs") and (p.endswith("memory") or "memory" in
                          open(f"{p}/cgroup.subtree_control").read())), None)
        if self.path is None:
            case.skipTest("no memory cgroup")
        self.limit = "memory.limit_in_bytes" if self.path.endswith("memory") else "memory.max"
        self.path += f"/bookcast-faults-{os.getpid()}"
        try:
            os.mkdir(self.path)
        except OSError as why:
            case.skipTest(f"no memory cgroup of its own: {why}")
        case.addCleanup(self.end)

    def write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as out:
            out.write(str(value))

    def used(self):
        name = "memory.usage_in_bytes" if self.limit.endswith("in_bytes") else "memory.current"
        with open(f"{self.path}/{name}", encoding="ascii") as text:
            return int(text.read())

    def end(self):
        bookcast_test.wait_until(lambda: not open(f"{self.path}/cgroup.procs").read(), "an empty cgroup")
        os.rmdir(self.path)
