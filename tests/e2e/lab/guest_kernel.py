"""The kernel and the initial file system that virtual machines boot: Debian's cloud kernel and busybox."""

from __future__ import annotations

import fcntl
import shutil
from functools import cache
from pathlib import Path

from .programs import TOOLS, build_directory
from .shell import LabError, run

PACKAGE = "linux-image-cloud-amd64"
# Insertion order.
MODULES = ["net/core/failover", "drivers/net/net_failover", "drivers/virtio/virtio_ring", "drivers/virtio/virtio",
           "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci",
           "drivers/net/virtio_net"]


class NoGuestKernel(LabError):
    """The kernel's package can't be had."""


@cache
def guest_kernel() -> tuple[Path, Path]:
    """Paths of kernel and initial file system; both are kept in the build directory.

    The package is unpacked, not installed: this machine shall not boot that kernel. Raises NoGuestKernel.
    """
    home = build_directory() / "guest-kernel"
    home.mkdir(exist_ok=True)
    with open(home / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kernel = home / "vmlinuz"
        if not kernel.exists():
            _unpack_kernel(home)
        return kernel, _make_file_system(home)


def _unpack_kernel(home: Path) -> None:
    try:
        package = _download(home)
    except LabError:
        try:
            run(["apt-get", "-qq", "update"], timeout=300)
            package = _download(home)
        except LabError as error:
            raise NoGuestKernel(f"no package {PACKAGE}: {error}") from error
    tree = home / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    run(["dpkg", "-x", package, tree], timeout=120)
    (version,) = (tree / "lib/modules").iterdir()
    modules = home / "modules"
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir()
    for module in MODULES:
        shutil.copy(version / f"kernel/{module}.ko", modules)
    (image,) = (tree / "boot").glob("vmlinuz-*")
    shutil.copy(image, home / "vmlinuz.new")
    (home / "vmlinuz.new").rename(home / "vmlinuz")
    shutil.rmtree(tree)
    package.unlink()


def _download(home: Path) -> Path:
    # The package of that name only depends on the one of the version.
    depends = run(["apt-cache", "depends", PACKAGE]).stdout.split()
    real = next((word for word in depends if word.startswith("linux-image-") and word != PACKAGE), None)
    if real is None:
        raise LabError(f"apt knows no package {PACKAGE}")
    run(["sh", "-c", f"cd '{home}' && apt-get -qq download '{real}'"], timeout=300)
    return next(home.glob(f"{real}_*.deb"))


def _make_file_system(home: Path) -> Path:
    tree = home / "root"
    shutil.rmtree(tree, ignore_errors=True)
    for directory in ("bin", "dev", "etc", "modules", "proc", "sys", "tmp"):
        (tree / directory).mkdir(parents=True)
    busybox = shutil.which("busybox")
    if busybox is None:
        raise NoGuestKernel("no busybox (package busybox-static)")
    shutil.copy(busybox, tree / "bin/busybox")
    (tree / "bin/sh").symlink_to("busybox")
    shutil.copy(TOOLS / "machine-init", tree / "init")
    shutil.copy(TOOLS / "apply-lease", tree / "etc/apply-lease")
    for module in MODULES:
        shutil.copy(home / "modules" / f"{Path(module).name}.ko", tree / "modules")
    (tree / "modules/order").write_text("".join(f"{Path(module).name}\n" for module in MODULES))
    archive = home / "initrd"
    run(["sh", "-c", f"cd '{tree}' && find . | busybox cpio -o -H newc > '{archive}.new'"])
    archive.with_suffix(".new").rename(archive)
    return archive
