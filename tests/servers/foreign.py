"""A Debian of another processor in a folder, whose programs QEMU runs: nothing of this system is changed by it."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers import lacking, need

# The last one for which there are wheels of all these processors.
_WHEEL = "imageio-ffmpeg==0.7.0"
_BASE = ("python3", "coreutils", "libc-bin")
SHARED = "/mnt"  # where its programs see the folder that is given to them


@dataclass(frozen=True)
class Processor:
    """What it takes to run programs of one."""

    debian: str
    kernel: str  # its name in uname
    family: str  # in statistics
    qemu: str
    elf: str  # the class and the machine in the head of its programs
    ffmpeg: str
    packages: tuple[str, ...] = _BASE
    wheels: str = ""  # their platform, where FFmpeg comes with one
    libraries: tuple[str, ...] = ()  # that only scripts of their packages put in their place, and none is run


ARM64 = Processor(
    debian="arm64",
    kernel="aarch64",
    family="arm64",
    qemu="qemu-aarch64-static",
    elf="02 b7",
    ffmpeg="/opt/imageio_ffmpeg/binaries/ffmpeg-linux-aarch64-v7.0.2",
    wheels="manylinux2014_aarch64",
)
ARMHF = Processor(
    debian="armhf",
    kernel="armv7l",
    family="arm",
    qemu="qemu-arm-static",
    elf="01 28",
    ffmpeg="/usr/bin/ffmpeg",
    packages=(*_BASE, "ffmpeg"),
    libraries=tuple(f"/usr/lib/arm-linux-gnueabihf/{name}" for name in ("blas", "lapack", "pulseaudio")),
)

# In namespaces of its own: the kernel is told whose programs QEMU runs, in here alone (from Linux 6.7 on).
_ENTER = r"""
root=$1 shared=$2 qemu=$3 class=$4 machine=$5; shift 5
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 125
any='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
head='\x7fELF\x'$class'\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x'$machine'\x00'
printf '%s' ":fallow:M::$head:$any:$qemu:F" > /proc/sys/fs/binfmt_misc/register || exit 125
mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 125
mount --bind "$shared" "$root/mnt" || exit 125
exec chroot "$root" "$@"
"""
_ALONE = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")


class Root:
    """The system in its folder, made the first time that it is wanted on this machine."""

    def __init__(self, processor: Processor) -> None:
        need("mmdebstrap", "unshare", "chroot", processor.qemu)
        self.processor = processor
        kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "fallow-tests", "roots")
        kept.mkdir(parents=True, exist_ok=True)
        made_of = hashlib.sha256(f"{processor} {_WHEEL}".encode()).hexdigest()[:12]
        self.path = kept / f"{processor.debian}-{made_of}"
        with (kept / f"{processor.debian}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.path.exists():
                for other in kept.glob(f"{processor.debian}-*"):
                    shutil.rmtree(other, ignore_errors=True)
                try:
                    _make(processor, self.path)
                except subprocess.CalledProcessError as error:
                    lacking(f"a Debian of {processor.debian} cannot be made here: {error}")
        self._try()

    def command(self, shared: Path, *arguments: str, environment: Mapping[str, str]) -> Sequence[str]:
        """What runs a program of it, as one process that a signal reaches. It sees nothing of the environment."""
        told = [f"{name}={value}" for name, value in environment.items()]
        libraries = [f"LD_LIBRARY_PATH={':'.join(self.processor.libraries)}"] if self.processor.libraries else []
        qemu = shutil.which(self.processor.qemu)
        enter = ("sh", "-c", _ENTER, "enter", str(self.path), str(shared), str(qemu), *self.processor.elf.split())
        return (*_ALONE, *enter, "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", *libraries, *told, *arguments)

    def _try(self) -> None:
        """Not every kernel lets itself be told of programs by those in a namespace."""
        with tempfile.TemporaryDirectory() as folder:
            command = self.command(Path(folder), self.processor.ffmpeg, "-version", environment={})
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lacking(f"programs of {self.processor.kernel} do not run here: {done.stderr.strip()[-300:]}")


def _make(processor: Processor, path: Path) -> None:
    """Packages are unpacked, and none of their scripts is run."""
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        part.chmod(0o755)
        wanted = (f"--architectures={processor.debian}", f"--include={','.join(processor.packages)}")
        command = ["mmdebstrap", "--quiet", "--variant=extract", *wanted, "bookworm", str(part)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        if processor.wheels:
            _unpack(processor.wheels, part / "opt")
        for name in ("proc", "dev", "tmp", "mnt"):
            (part / name).mkdir(exist_ok=True)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack(platform: str, folder: Path) -> None:
    """The wheel with FFmpeg, by what made this environment."""
    wanted = ["--no-deps", "--only-binary=:all:", "--target", str(folder), _WHEEL]
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--platform", platform, *wanted]
    else:
        command = ["uv", "pip", "install", "-q", "--python-platform", "aarch64-manylinux2014", *wanted]
    subprocess.run(command, check=True)
