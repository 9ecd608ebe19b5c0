"""Files that are made from code: writes them, and tells which differ from what the code says now."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Generated:
    """What one tool makes.

    Args:
        name: what messages call it.
        files: returns path -> text of every file.
        cure: the command that writes them.
        only: a folder that holds nothing but these files; empty where others are beside them.
    """

    name: str
    files: Callable[[], Mapping[Path, str]]
    cure: str
    only: Path | None = None

    def differences(self) -> list[str]:
        """Return the files that are missing, differ, or that nothing makes any more."""
        wanted = self.files()
        stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        left_over = [each for each in sorted(self.only.iterdir()) if each not in wanted] if self.only else []
        return [str(each.relative_to(ROOT) if each.is_relative_to(ROOT) else each) for each in (*stale, *left_over)]

    def write(self) -> None:
        """Write every file, and remove what nothing makes any more."""
        wanted = self.files()
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for each in sorted(self.only.iterdir()) if self.only else []:
            if each not in wanted:
                each.unlink()

    def main(self) -> int:
        """Write the files, or with --check only compare them; returns the exit code."""
        if "--check" not in sys.argv:
            self.write()
            return 0
        return 1 if report(self) else 0


def report(generated: Generated) -> bool:
    """Print whether the files are current, and how they become so; returns True where they are not."""
    stale = generated.differences()
    verdict = f"out of date, run {generated.cure}: {', '.join(stale)}" if stale else "current"
    sys.stdout.write(f"{generated.name}: {verdict}\n")
    return bool(stale)
