"""Statements that are asked all day long, worked out once.

SQLAlchemy looks a statement and its values over at each execution, which takes several times as long as SQLite needs to
answer. A `Prepared` statement is compiled when it is first asked; from then on the driver gets its text and the values,
converted by the types of the columns as always. On PostgreSQL, where the way to the server costs more, SQLAlchemy
executes it.

Values are given by name. A list of values cannot be one (`bindparam(expanding=True)`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect

DRIVER = "evmesh driver"
"""Where the `info` of a connection holds SQLite's own; nowhere on PostgreSQL."""

Convert = Callable[[Any], Any] | None


class Prepared:
    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: _Compiled | None = None

    def rows(self, tx: Connection, **values: Any) -> list[Any]:
        """All rows, each a tuple of its columns."""
        if (sqlite := tx.info.get(DRIVER)) is None:
            return [tuple(row) for row in tx.execute(self._statement, values)]
        compiled = self._of(tx)
        found: list[Any] = sqlite.execute(compiled.text, compiled.parameters(values)).fetchall()
        return found if compiled.results is None else [compiled.converted(row) for row in found]

    def row(self, tx: Connection, **values: Any) -> Any:
        """The first row, None when there is none."""
        found = self.rows(tx, **values)
        return found[0] if found else None

    def value(self, tx: Connection, **values: Any) -> Any:
        """The first column of the first row, None when there is no row."""
        found = self.rows(tx, **values)
        return found[0][0] if found else None

    def run(self, tx: Connection, **values: Any) -> int:
        """How many rows were changed."""
        if (sqlite := tx.info.get(DRIVER)) is None:
            changed: int = tx.execute(self._statement, values).rowcount
        else:
            compiled = self._of(tx)
            changed = sqlite.execute(compiled.text, compiled.parameters(values)).rowcount
        return changed

    def run_all(self, tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Run for each of the rows of values; there is at least one."""
        if (sqlite := tx.info.get(DRIVER)) is None:
            tx.execute(self._statement, rows)
        else:
            compiled = self._of(tx)
            sqlite.executemany(compiled.text, [compiled.parameters(row) for row in rows])

    def _of(self, tx: Connection) -> _Compiled:
        if self._compiled is None:
            self._compiled = _Compiled(self._statement, tx.dialect)
        return self._compiled


class _Compiled:
    """The text for the driver, and how each value on the way in and out is converted."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        constants = compiled.params
        self._places: list[tuple[str, Any, Convert]] = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            constant = None if bind.required else constants[name]
            if constant is not None and convert is not None:
                constant = convert(constant)
            self._places.append((name, constant, convert))
        columns = statement.selected_columns if statement.is_select else statement.exported_columns
        results = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self.results = results if any(results) else None

    def parameters(self, values: dict[str, Any]) -> list[Any]:
        return [
            constant if name not in values else values[name] if convert is None else convert(values[name])
            for name, constant, convert in self._places
        ]

    def converted(self, row: Any) -> tuple[Any, ...]:
        assert self.results is not None
        return tuple(
            [value if convert is None else convert(value) for value, convert in zip(row, self.results, strict=True)]
        )
