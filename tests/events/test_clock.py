from events.clock import ServerClock

HOUR = 3_600_000_000


class Local:
    """A computer's two clocks, set by hand. µs."""

    def __init__(self):
        self.monotonic, self.wall = 1_000_000, 5 * HOUR

    def clock(self):
        return ServerClock(lambda: self.monotonic, lambda: self.wall)


def test_before_the_first_sample_it_is_the_local_time():
    local = Local()
    assert local.clock().now() == 5 * HOUR
    assert local.clock().offset_seconds == 0


def test_a_sample_sets_it_to_the_server_s_time_in_the_middle_of_the_round_trip():
    local = Local()
    clock = local.clock()
    clock.observe(server=9 * HOUR, sent=1_000_000, received=1_000_200)
    assert clock.now() == 9 * HOUR - 100
    assert clock.offset_seconds == 4 * 3600 - 0.0001


def test_it_runs_on_the_monotonic_clock_so_a_wall_clock_that_is_set_does_not_matter():
    local = Local()
    clock = local.clock()
    clock.observe(9 * HOUR, 1_000_000, 1_000_000)
    local.wall = 0
    local.monotonic += 250
    assert clock.now() == 9 * HOUR + 250


def test_a_duller_sample_that_agrees_is_not_taken():
    clock = Local().clock()
    clock.observe(9 * HOUR, 1_000_000, 1_000_100)
    before = clock.now()
    clock.observe(9 * HOUR + 40, 1_000_000, 1_000_200)
    assert clock.now() == before


def test_a_sharper_sample_is_taken():
    clock = Local().clock()
    clock.observe(9 * HOUR, 1_000_000, 1_000_100)
    clock.observe(9 * HOUR + 10, 1_000_000, 1_000_002)
    assert clock.now() == 9 * HOUR + 9


def test_a_duller_sample_that_proves_the_estimate_wrong_is_taken():
    """The server's clock was set, or another server answers."""
    clock = Local().clock()
    clock.observe(9 * HOUR, 1_000_000, 1_000_100)
    clock.observe(8 * HOUR, 1_000_000, 1_000_200)
    assert clock.now() == 8 * HOUR - 100
