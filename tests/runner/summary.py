"""The table at the end."""

from __future__ import annotations

from .results import SuiteResult

LONGEST_NOTES = 40


def show(results: list[SuiteResult], left_out: list[str]) -> bool:
    """Prints the summary; its last line is "N passed, N failed, N skipped". True if nothing failed."""
    print("\n== summary ==")
    print(f"{'suite':<12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>9}")
    for result in results:
        print(f"{result.name:<12} {result.passed:>7} {result.failed:>7} {result.skipped:>8} {result.seconds:>9.1f}")
    for name in left_out:
        print(f"{name:<12} not asked for")
    for result in results:
        for note in result.notes[:LONGEST_NOTES]:
            print(f"  {result.name}: {note}")
        if len(result.notes) > LONGEST_NOTES:
            print(f"  {result.name}: and {len(result.notes) - LONGEST_NOTES} more")
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    skipped = sum(result.skipped for result in results)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return failed == 0
