"""The shortcuts for k9s run commands that exist, and quote what they are given."""

import re
from pathlib import Path

import yaml

from manager.cli.main import main
from tests.command_tree import commands

PLUGINS = Path(__file__).parents[3] / "docs" / "k9s-plugins.yaml"


def test_every_shortcut_runs_a_command_with_its_options() -> None:
    known = dict(commands(main))
    for name, plugin in yaml.safe_load(PLUGINS.read_text())["plugins"].items():
        script = plugin["args"][1]
        word = re.match(r"coffer (\w+)", script)
        assert word is not None, name
        options = {option for each in known[word[1]].params for option in each.opts}
        assert set(re.findall(r"(?<=\s)--?[a-z-]+", script.partition("|")[0].partition(";")[0])) <= options, name
        assert "$" not in re.sub(r'"[^"]*"', "", script), f"{name}: a name with a blank would be two words"
