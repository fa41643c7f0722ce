"""The journal keeps its contract on both databases; the state machine is closed."""

import pytest

from twinlake.engines.database import MemoryDatabase, SqliteDatabase
from twinlake.events.schema import MIGRATIONS as EVENT_MIGRATIONS
from twinlake.jobs.models import LIVE_STATES, JobState
from twinlake.jobs.schema import MIGRATIONS
from twinlake.jobs.states import MOVES
from twinlake.testing.job_journal import JobJournalContract


class TestJobJournalInMemory(JobJournalContract):
    @pytest.fixture
    async def database(self):
        async with MemoryDatabase(migrations=(*EVENT_MIGRATIONS, *MIGRATIONS)) as database:
            yield database


class TestJobJournalInAFile(JobJournalContract):
    @pytest.fixture
    async def database(self, tmp_path):
        async with SqliteDatabase(tmp_path / "site.db", migrations=(*EVENT_MIGRATIONS, *MIGRATIONS)) as database:
            yield database


def test_every_state_has_its_moves_and_final_states_have_none():
    assert set(MOVES) == set(JobState)
    assert {state for state, after in MOVES.items() if not after} == set(JobState) - set(LIVE_STATES)
    assert all(state.is_final == (not MOVES[state]) for state in JobState)
