"""Load the sandbox from machine code; if there is none, let a child process compile it first.

This time does not count against a template. A render waits a moment for it, then raises TemplateDelayed.
"""

import asyncio
import os
import sys
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from pathlib import Path

from manager.core.errors import SandboxUnavailable, TemplateDelayed
from manager.gotemplate import artefact
from manager.gotemplate.artefact import DESCRIPTORS, NotCompiled
from manager.gotemplate.instance import Machine
from manager.gotemplate.model import Limits

PATIENCE_SECONDS = 5.0  # a worker that waits longer serves no other object
COMPILE_TIMEOUT_SECONDS = 600.0  # it takes ten seconds of one core; a throttled container may get a twentieth of that
RETRY_SECONDS = 60.0  # until a failed compilation is tried again
MODULE = "manager.gotemplate.artefact"


class Preparation:
    """Loads the sandbox once for all waiting requests.

    Args:
        threads: where loading happens: it imports wasmtime.
    """

    def __init__(self, limits: Limits, threads: Executor) -> None:
        self._limits = limits
        self._threads = threads
        self._machine: Machine | None = None
        self._task: asyncio.Task[Machine] | None = None
        self._compiling: asyncio.Task[Path | None] | None = None
        self._again_at = 0.0
        self._memory = -1  # descriptor of machine code in memory, if no folder is writable

    def begin(self) -> None:
        """Start the compilation if there is no machine code; load nothing yet."""
        with suppress(SandboxUnavailable):  # the next render raises it again
            if self._compiling is None and self._machine is None and not artefact.compiled():
                self._compiling = asyncio.create_task(self._compile(), name="sandbox compiler")

    async def machine(self) -> Machine:
        """Return the machine.

        Raises:
            TemplateDelayed: it is still being compiled.
            SandboxUnavailable: there is none; the message names the cure.
        """
        if self._machine is not None:
            return self._machine
        if self._task is None or (self._task.done() and asyncio.get_running_loop().time() >= self._again_at):
            self._task = asyncio.create_task(self._prepare(), name="sandbox")
        done, _ = await asyncio.wait({self._task}, timeout=PATIENCE_SECONDS)
        if not done:
            raise TemplateDelayed("the template sandbox is being compiled for this machine")
        self._machine = self._task.result()
        return self._machine

    async def close(self) -> None:
        """End the compiler and unload the sandbox."""
        for task in (self._task, self._compiling):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
        if self._machine is not None:
            await asyncio.to_thread(self._machine.close)
        if self._memory >= 0:
            os.close(self._memory)

    async def _prepare(self) -> Machine:
        try:
            return await self._loaded(None)
        except NotCompiled:
            if self._compiling is None:
                self._compiling = asyncio.create_task(self._compile(), name="sandbox compiler")
        try:
            return await self._loaded(await asyncio.shield(self._compiling))
        except SandboxUnavailable:
            self._again_at, self._compiling = asyncio.get_running_loop().time() + RETRY_SECONDS, None
            raise

    async def _loaded(self, extra: Path | None) -> Machine:
        make = partial(Machine, self._limits, extra)
        return await asyncio.get_running_loop().run_in_executor(self._threads, make)

    async def _compile(self) -> Path | None:
        """Compile in a child process; return the path of the code, None for the cache."""
        place = artefact.cache_place()
        extra = None if _writable(place.parent) else self._in_memory()
        command = (sys.executable, "-P", "-m", MODULE, str(extra or place))
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=() if extra is None else (self._memory,),
        )
        _first_to_go(child.pid)
        try:
            async with asyncio.timeout(COMPILE_TIMEOUT_SECONDS):
                code = await child.wait()
        except TimeoutError:
            raise SandboxUnavailable(
                f"compiling the template sandbox took longer than {COMPILE_TIMEOUT_SECONDS:g} s; give it more CPU"
            ) from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if code:
            text = f"compiling the template sandbox ended with code {code}"
            raise SandboxUnavailable(f"{text}; run `{artefact.BUILD_COMMAND}`, or give the Pod 512 MiB")
        return extra

    def _in_memory(self) -> Path:
        """Return the path of a file in memory, for a Pod without a writable folder."""
        if self._memory < 0:
            self._memory = os.memfd_create("coffer-sandbox")
        return DESCRIPTORS / str(self._memory)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _first_to_go(pid: int) -> None:
    """Make the kernel end the compiler, not the controller, if memory runs out."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
