from services.dev import journal as journal_module
from services.dev.journal import Journal, Lines


def test_lines_are_kept_in_the_file_and_shown_one_by_one(tmp_path):
    shown: list[str] = []
    journal = Journal(tmp_path / "chat-1.log", shown.append)
    lines = Lines(journal)
    lines.data_received(b"one\ntw")
    lines.data_received(b"o\nthree")
    assert shown == ["one", "two"]
    lines.connection_lost(None)
    assert shown == ["one", "two", "three"]
    assert lines.ended.is_set()
    journal.close()
    assert (tmp_path / "chat-1.log").read_bytes() == b"one\ntwo\nthree\n"


def test_the_last_few_lines_are_at_hand(tmp_path):
    journal = Journal(tmp_path / "log", lambda _: None)
    for number in range(30):
        journal.write(b"%d\n" % number)
    journal.close()
    assert list(journal.last) == [str(number) for number in range(10, 30)]


def test_a_later_run_goes_on_in_the_same_file(tmp_path):
    for word in (b"first\n", b"second\n"):
        journal = Journal(tmp_path / "log", lambda _: None)
        journal.write(word)
        journal.close()
    assert (tmp_path / "log").read_bytes() == b"first\nsecond\n"


def test_a_full_file_is_turned_over_and_only_one_old_one_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "MAX_FILE", 1000)
    journal = Journal(tmp_path / "log", lambda _: None)
    for _ in range(100):
        journal.write(b"x" * 99 + b"\n")
    journal.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "log.1"]
    assert all(file.stat().st_size <= 1100 for file in tmp_path.iterdir())


def test_a_line_without_end_is_cut(tmp_path):
    shown: list[str] = []
    journal = Journal(tmp_path / "log", shown.append)
    lines = Lines(journal)
    lines.data_received(b"x" * 100_000)
    assert len(shown) == 1
    lines.data_received(b"y\n")
    journal.close()
    assert shown[1] == "y"
