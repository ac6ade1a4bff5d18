"""`make demo`: the shop and a receiver on this machine, four stories, and what the log tells of them.

With ``--once`` it stops by itself; exit code 0 only if every expected entry was found joined to its trace.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from examples.checkout.processes import Failed, World
from examples.checkout.scenarios import Told, Unexpected, play
from examples.checkout.stories import Log, Story, read

FOUND_MAX_S = 30.0
LOOK_EVERY_S = 0.2
_COLOR = {"success": "green", "failure": "red", "unknown": "yellow"}

console = Console(width=None if sys.stdout.isatty() else 160)


def main() -> int:
    """Run the demo; the exit code."""
    options = argparse.ArgumentParser(prog="make demo", description=__doc__)
    options.add_argument("--once", action="store_true", help="stop by itself")
    once = options.parse_args().once
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="otel-audit-demo-") as scratch:
        try:
            return _run(Path(scratch), once, ended)
        except (Failed, Unexpected) as error:
            console.print(Text(str(error), style="red"), soft_wrap=True)
            return 1


def _run(scratch: Path, once: bool, ended: threading.Event) -> int:
    console.print("starting the receiver and five services …")
    with World(scratch, free_ports=once, ended=ended) as world:
        told = play(world.storefront)
        stories = _wait_for_stories(world, told, ended)
        for story in stories:
            _print(story, world.api)
        missing = [f"{story.title}: {each}" for story in stories for each in story.missing]
        for each in missing:
            console.print(Text(f"missing: {each}", style="red"))
        if not missing:
            console.print(Text("every expected entry was found, joined to its trace", style="green"))
        if not once:
            console.print(f"serving: shop {world.storefront}   API {world.api}/api/v1/entries   Ctrl-C ends it")
            while not ended.wait(LOOK_EVERY_S):
                world.check()
    return 1 if missing else 0


def _wait_for_stories(world: World, told: Told, ended: threading.Event) -> list[Story]:
    """The stories once they are whole, or as far as they are when time is up."""
    deadline = time.monotonic() + FOUND_MAX_S
    with httpx.Client(base_url=world.api, timeout=10) as client:
        while True:
            world.check()
            stories = _read(client, told)
            whole = bool(stories) and not any(story.missing for story in stories)
            if whole or time.monotonic() > deadline or ended.wait(LOOK_EVERY_S):
                return stories


def _read(client: httpx.Client, told: Told) -> list[Story]:
    try:
        return read(Log(client), told)
    except httpx.HTTPStatusError as error:  # an index that is not made yet answers 503
        return [Story("The log", (), (f"{error.request.url}: {error.response.text}",))]


def _print(story: Story, api: str) -> None:
    table = Table(
        "time", "service", "what happened", "from", title=story.title, title_justify="left", title_style="bold"
    )
    for entry in story.entries:
        link = f"{api}/api/v1/entries/{entry['event_id']}"
        told = Text(entry["message"], style=_COLOR[entry["outcome"]])
        told.append(f"\nentry {link}\ntrace {link}/trace", style="dim")
        table.add_row(entry["timestamp"][11:23], entry["service_name"], told, entry["ip_address"] or "")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
