"""One running copy of the sandbox, without environment, files and network, with limits on memory and time."""

import ctypes
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from manager.core.errors import SandboxUnavailable, TemplateLimit
from manager.gotemplate import artefact
from manager.gotemplate.keys import KeyMaker, KeyTooLate
from manager.gotemplate.model import Limits
from manager.gotemplate.watchdog import Watchdog

if TYPE_CHECKING:
    import wasmtime

_LOW: Final = 0xFFFFFFFF


class Machine:
    """What all instances share: the loaded module, watchdog and key maker. Raises SandboxUnavailable."""

    def __init__(self, limits: Limits, extra: Path | None = None) -> None:
        self.limits: Final = limits
        self.engine: Final = artefact.engine(limits)
        self.module: Final = artefact.load(self.engine, extra)
        self.watchdog: Final = Watchdog(self.engine.increment_epoch)
        self.keys: Final = KeyMaker()
        _give_back()

    def close(self) -> None:
        """End the threads and unload the machine code."""
        self.watchdog.close()
        self.keys.close()
        self.module.close()
        self.engine.close()


def _give_back() -> None:
    """Return freed heap memory to the system: the import of wasmtime leaves 11 MiB."""
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


class Instance:
    """Answers one request at a time; must not be used again after an error.

    Args:
        memory_bytes: its limit; 0 for the limit of a render.
    """

    def __init__(self, machine: Machine, memory_bytes: int = 0) -> None:
        import wasmtime

        self._machine = machine
        self._until = 0.0
        self._store = store = wasmtime.Store(machine.engine)
        store.set_limits(memory_size=memory_bytes or machine.limits.memory_bytes)
        store.set_wasi(wasmtime.WasiConfig())  # empty: it inherits nothing, and its output is dropped
        linker = wasmtime.Linker(machine.engine)
        linker.define_wasi()
        number = wasmtime.ValType.i32()
        kind = wasmtime.FuncType([number, number, number], [number])
        linker.define_func("coffer", "new_key", kind, self._new_key)
        self._arm(time.monotonic() + machine.limits.deadline_seconds)
        try:
            exports = linker.instantiate(store, machine.module).exports(store)
            cast("wasmtime.Func", exports["_initialize"])(store)
            self._memory = cast("wasmtime.Memory", exports["memory"])
            self._reserve, self._answer, self._forget = (
                cast("wasmtime.Func", exports[name]) for name in ("reserve", "answer", "forget")
            )
        except (wasmtime.WasmtimeError, wasmtime.Trap, KeyError) as error:
            store.close()
            what = type(error).__name__
            message = f"the template sandbox does not start ({what}); run `{artefact.BUILD_COMMAND}`, or give it memory"
            raise SandboxUnavailable(message) from None

    def call(self, request: bytes, until: float) -> bytes:
        """Return the answer to a packed request, before `until` on the monotonic clock.

        Raises:
            TemplateLimit: deadline, memory or depth; the instance must be closed.
        """
        import wasmtime

        self._arm(until)
        try:
            with self._machine.watchdog.watching():
                address = self._reserve(self._store, len(request)) & _LOW
                self._memory.write(self._store, request, address)
                packed = self._answer(self._store)
                start, size = packed >> 32 & _LOW, packed & _LOW
                answer = bytes(self._memory.read(self._store, start, start + size))
                self._forget(self._store)
                return answer
        except (wasmtime.Trap, wasmtime.WasmtimeError, KeyTooLate) as error:
            raise self._reached(error) from None

    @property
    def size(self) -> int:
        """Bytes of memory that it has."""
        return int(self._memory.data_len(self._store))

    def close(self) -> None:
        """Free the memory."""
        self._store.close()

    def _arm(self, until: float) -> None:
        self._until = until
        self._store.set_epoch_deadline(Watchdog.ticks(max(until - time.monotonic(), 0.0)))

    def _reached(self, error: Exception) -> TemplateLimit:
        """Return the limit that ended the render; the text of the trap is only a stack trace."""
        import wasmtime

        limits = self._machine.limits
        code = error.trap_code if isinstance(error, wasmtime.Trap) else None
        if isinstance(error, KeyTooLate) or code is wasmtime.TrapCode.INTERRUPT:
            cure = "let it loop less, and derive or generate fewer keys"
            return TemplateLimit("deadline", f"rendering took longer than {limits.deadline_seconds:g} s; {cure}")
        if code is wasmtime.TrapCode.STACK_OVERFLOW:
            return TemplateLimit("depth", "the template calls itself or nests too deeply; let it end sooner")
        size = limits.memory_bytes >> 20
        return TemplateLimit(
            "memory", f"rendering needed more than {size} MiB of memory; let it make less text at once"
        )

    def _new_key(self, kind: int, address: int, size: int) -> int:
        pem = self._machine.keys.make(kind, self._until - time.monotonic())[: size & _LOW]
        self._memory.write(self._store, pem, address & _LOW)
        return len(pem)
