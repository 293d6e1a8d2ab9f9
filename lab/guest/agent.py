# SPDX-License-Identifier: GPL-2.0-only
"""The agent in a guest: process 1, and the guest's end of `lab exec`.

Each virtio-serial port named lab.N serves one command at a time. When the host closes a port, its
command is killed: so the death of the lab command, however it comes, ends what it started. Only
modules that load fast are imported, for the guest's processor is an emulated one.

A user-mode Linux guest has serial lines instead, as many as the argument says. Nothing tells that the
host has closed one, so a frame of kind H, from the host's side of the lines, does.

Ports are watched edge-triggered: a port with no host at the other end is always "readable" and
"hung up", and a level-triggered wait would spin on it.
"""

import errno
import os
import select
import signal
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from labkit import frames  # noqa: E402

PORTS = "/sys/class/virtio-ports"
READ_SIZE = frames.PAYLOAD_MAX
BUFFER_MAX = 256 * 1024             # queued bytes after which a source is not read any further
ROUNDS_MAX = 16
DOUBT_SECONDS = 1
EXIT_NOT_FOUND = 127
EXIT_NOT_EXECUTABLE = 126


def read_some(fd):
    """Bytes, b"" at the end, None when there is nothing now."""
    try:
        return os.read(fd, READ_SIZE)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno in (errno.EIO, errno.EPIPE, errno.ENODEV):
            return b""
        raise


def write_some(fd, data):
    """The number of bytes taken, 0 when none can be now."""
    try:
        return os.write(fd, data[:READ_SIZE])
    except BlockingIOError:
        return 0


class Command:
    """A process group that runs for one session, and the pipes to it."""

    def __init__(self, argv, environment, directory):
        pipes = [os.pipe() for _ in range(4)]           # stdin, stdout, stderr, error of exec
        (child_in, self.stdin), (self.stdout, child_out), (self.stderr, child_err), (self.error, child_error) = pipes
        self.pending = bytearray()
        self.end_of_input = False
        self.status = None
        self.pid = os.fork()
        if self.pid == 0:
            run_child(argv, environment, directory, (child_in, child_out, child_err), child_error)
        for fd in (child_in, child_out, child_err, child_error):
            os.close(fd)
        for fd in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(fd, False)

    def start_error(self):
        """The text of why exec failed, b"" if it did not."""
        text = os.read(self.error, 4096)
        os.close(self.error)
        return text

    def kill(self, number):
        """Signal the whole process group; it may be gone."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def feed(self):
        """Hand queued input to the process, and close its stdin at the end of it. True if any moved."""
        if self.stdin is None:
            self.pending.clear()
            return False
        try:
            taken = write_some(self.stdin, self.pending) if self.pending else 0
        except BrokenPipeError:
            taken, self.end_of_input = len(self.pending), True
        del self.pending[:taken]
        if self.end_of_input and not self.pending:
            os.close(self.stdin)
            self.stdin = None
        return taken > 0

    def close(self):
        """Close what is left open of the pipes."""
        for fd in (self.stdin, self.stdout, self.stderr):
            if fd is not None:
                os.close(fd)
        self.stdin = self.stdout = self.stderr = None

    def exit_code(self):
        """As a shell has it: 128 + n for signal n."""
        code = os.waitstatus_to_exitcode(self.status)
        return code if code >= 0 else 128 - code


def run_child(argv, environment, directory, standard, error):
    """In the child: become the command. Never returns; a failure goes into the error pipe."""
    try:
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):        # ignored by Python, so by its children
            signal.signal(number, signal.SIG_DFL)
        for target, fd in enumerate(standard):
            os.dup2(fd, target)
        os.chdir(directory)
        os.execvpe(argv[0], argv, environment)
    except OSError as failure:
        os.write(error, b"%d %s: %s" % (failure.errno, argv[0], failure.strerror.encode()))
    finally:
        os._exit(EXIT_NOT_FOUND)


class Port:
    """One virtio-serial port: at most one session, with at most one command."""

    def __init__(self, fd, loop):
        self.fd = fd
        self.loop = loop
        self.decoder = frames.Decoder()
        self.session = None
        self.command = None
        self.out = bytearray()
        self.connected = False          # seen to be, in this session
        self.doubt_ends = None

    def work(self):
        """Move what can be moved now. True if there may be more: a busy port must not starve the others."""
        for _ in range(ROUNDS_MAX):
            moved = self.receive()
            if self.command:
                moved |= self.command.feed()
                moved |= self.collect()
            moved |= self.flush()
            if not moved:
                return False
        return True

    def receive(self):
        """Take frames from the host, unless much input already waits for the command. True if any came."""
        if self.command and len(self.command.pending) > BUFFER_MAX:
            return False
        data = read_some(self.fd)
        if data == b"":
            self.hung_up()
        else:
            self.doubt_ends = None
            self.connected |= data is None
        for session, kind, payload in self.decoder.feed(data or b""):
            self.handle(session, kind, payload)
        return bool(data)

    def hung_up(self):
        """Nobody is connected, says the port. Data can overtake the news of the connection that it came by:
        so in a session that was never seen connected, believe it only if it stays so."""
        if self.session is None:
            return
        if self.connected or (self.doubt_ends and time.monotonic() > self.doubt_ends):
            self.reset()
        elif self.doubt_ends is None:
            self.doubt_ends = time.monotonic() + DOUBT_SECONDS

    def handle(self, session, kind, payload):
        """One frame. A new session means that the one before is gone, even if we never saw it go."""
        if session != self.session:
            self.reset()
            self.session = session
        if kind == b"H":
            self.reset()
            return
        if kind == b"P":
            self.send(b"P", os.uname().release.encode())
        elif kind == b"X":
            self.start(*frames.unpack_strings(payload))
        elif self.command and kind == b"I":
            self.command.pending += payload
        elif self.command and kind == b"E":
            self.command.end_of_input = True
        elif self.command and kind == b"S":
            self.command.kill(int(payload))

    def start(self, argv, variables, place):
        """Run a command, or say why it cannot be."""
        environment = dict(variable.split(b"=", 1) for variable in variables)
        self.command = Command(argv, environment, place[0])
        error = self.command.start_error()
        if not error:
            self.loop.watch(self.command, self)
            self.send(b"B")
            return
        number, text = error.split(b" ", 1)
        code = EXIT_NOT_FOUND if int(number) == errno.ENOENT else EXIT_NOT_EXECUTABLE
        self.command.close()
        self.command = None
        self.send(b"F", b"%d %s" % (code, text))

    def collect(self):
        """Take output of the command; after its exit, the rest of it and then the exit code. True if any came."""
        command, moved = self.command, False
        for kind, name in ((b"O", "stdout"), (b"R", "stderr")):
            fd = getattr(command, name)
            if fd is None:
                continue
            if len(self.out) > BUFFER_MAX:
                return False
            data = read_some(fd)
            if data:
                moved = True
                self.send(kind, data)
            elif data == b"":
                os.close(fd)
                setattr(command, name, None)
        if command.status is not None and not moved:
            self.send(b"Q", b"%d" % command.exit_code())
            self.drop_command()
        return moved

    def send(self, kind, payload=b""):
        self.out += frames.encode(self.session, kind, payload)

    def flush(self):
        """Push queued frames to the host. True if any went."""
        taken = write_some(self.fd, self.out) if self.out else 0
        del self.out[:taken]
        return taken > 0

    def drop_command(self):
        self.loop.forget(self.command)
        self.command.close()
        self.command = None

    def reset(self):
        """Nobody is at the other end any more: kill the command, forget all of the session."""
        if self.command:
            self.command.kill(signal.SIGKILL)
            self.drop_command()
        self.out.clear()
        self.session = None
        self.connected = False
        self.doubt_ends = None


class Loop:
    """Waits for ports, pipes and children."""

    def __init__(self):
        self.poll = select.epoll()
        self.by_fd = {}
        self.ports = []
        self.by_pid = {}
        self.wakeup, wakeup_write = os.pipe()
        for fd in (self.wakeup, wakeup_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll.register(self.wakeup, select.EPOLLIN)

    def add_port(self, path):
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        self.by_fd[fd] = port = Port(fd, self)
        self.ports.append(port)
        self.poll.register(fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        return port

    def watch(self, command, port):
        """Wake up for the pipes and the end of a command."""
        self.by_pid[command.pid] = port
        for fd, events in ((command.stdin, select.EPOLLOUT), (command.stdout, select.EPOLLIN),
                           (command.stderr, select.EPOLLIN)):
            self.by_fd[fd] = port
            self.poll.register(fd, events | select.EPOLLET)

    def forget(self, command):
        """Closing a pipe ends epoll's interest in it; its number may come back as another pipe."""
        self.by_pid.pop(command.pid, None)

    def reap(self):
        """As process 1 we inherit every orphan; the ports are those of our own children."""
        read_some(self.wakeup)
        ports = set()
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ports
            if pid == 0:
                return ports
            port = self.by_pid.pop(pid, None)
            if port and port.command:
                port.command.status = status
                ports.add(port)

    def run(self):
        busy = set()
        while True:
            ports = busy
            doubtful = {port for port in self.ports if port.doubt_ends}
            for fd, _ in self.poll.poll(0 if busy else DOUBT_SECONDS if doubtful else -1):
                ports |= self.reap() if fd == self.wakeup else {self.by_fd[fd]}
            busy = {port for port in ports | doubtful if port.work()}


def virtio_ports():
    """The paths of the ports that the lab has given to this guest."""
    found = []
    for entry in sorted(os.listdir(PORTS)):
        with open(f"{PORTS}/{entry}/name", encoding="ascii") as file:
            if file.read().startswith("lab."):
                found.append(f"/dev/{entry}")
    return found


def make_raw(fd):
    """A terminal that hands on all bytes as they are."""
    attributes = termios.tcgetattr(fd)
    attributes[:4] = [0, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0]
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def main():
    loop = Loop()
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    for path in [f"/dev/ttyS{number}" for number in range(lines)] or virtio_ports():
        port = loop.add_port(path)
        if lines:
            make_raw(port.fd)
    loop.run()


main()
