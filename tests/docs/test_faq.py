"""Every failure of the page on failures comes about as the page says, word for word."""

import re

import pytest
import torch
from bows_docs.blocks import PAGES, Block, blocks

from bows.cli.preflight import check_command_line
from bows.cli.resume import resume_from_folder
from bows.errors import SettingError

PAGE = blocks(PAGES / "faq.md")
# A command, and the message in the block after it.
FAILURES = [(block, PAGE[place + 1]) for place, block in enumerate(PAGE) if "fails" in block.marks]
CHECKED = [each for each in FAILURES if not each[0].marks["fails"]]
RUN = [each for each in FAILURES if each[0].marks["fails"]]


def agrees(said: str, page: str) -> bool:
    """Whether a line is what the page shows, with anything for each <...>."""
    pattern = ".*".join(re.escape(part) for part in page.split("<...>"))
    return any(re.fullmatch(pattern, line) for line in said.splitlines())


@pytest.mark.parametrize(("block", "message"), [pytest.param(*each, id=each[0].heading) for each in CHECKED])
def test_a_command_line_is_refused_as_the_page_says(block: Block, message: Block):
    (words,) = block.commands
    with pytest.raises(SettingError) as caught:
        check_command_line(words[0].partition(".")[2], resume_from_folder(words[1:]))
    assert agrees(f"error: {caught.value}", message.text), caught.value


@pytest.mark.slow
@pytest.mark.parametrize(("block", "message"), [pytest.param(*each, id=each[0].heading) for each in RUN])
def test_a_command_fails_as_the_page_says(block: Block, message: Block, commands, places):
    if block.marks["fails"] == "no gpu" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    done = commands(*places.standing(block.commands[0]))
    assert done.code != 0
    assert "Traceback" not in done.output
    assert agrees(done.output, message.text) or done.output.splitlines()[-1].startswith(
        message.text.partition("<...>")[0]
    ), done.output
