import type { Migration } from '../migrate.ts'
import { FACET_COLUMNS, facetOf } from '../people_facets.ts'

/** What people are searched and listed by. */
export const peopleSearch: Migration = {
  name: 'people_search',
  statements: ({ serialKey, clustered, afterUpdate }) => [
    // One narrow row a person: a million of them are read from memory, where accounts are not.
    `CREATE TABLE people_index (
      id ${serialKey},
      sub TEXT NOT NULL UNIQUE REFERENCES accounts (sub) ON DELETE CASCADE,
      facet INTEGER NOT NULL,
      sort_name TEXT NOT NULL,
      words TEXT NOT NULL
    )`,
    `CREATE INDEX people_index_by_facet ON people_index (facet, sort_name, id)`,
    // Words are searched by their beginnings; the rest stands here, too, so that the many people of
    // a frequent beginning are judged side by side, without looking each of them up.
    `CREATE TABLE people_words (
      word TEXT NOT NULL,
      id INTEGER NOT NULL REFERENCES people_index (id) ON DELETE CASCADE,
      facet INTEGER NOT NULL,
      sort_name TEXT NOT NULL,
      words TEXT NOT NULL,
      PRIMARY KEY (word, id)
    ) ${clustered}`,
    `CREATE INDEX people_words_by_id ON people_words (id, word)`,
    // Where people are, guardians where their children are; class empty: the establishment itself.
    `CREATE TABLE people_places (
      establishment TEXT NOT NULL,
      class TEXT NOT NULL,
      sort_name TEXT NOT NULL,
      id INTEGER NOT NULL REFERENCES people_index (id) ON DELETE CASCADE,
      PRIMARY KEY (establishment, class, sort_name, id)
    ) ${clustered}`,
    `CREATE INDEX people_places_by_id ON people_places (id, class, establishment)`,
    `CREATE INDEX people_places_by_class ON people_places (class, sort_name, id)
      WHERE class <> ''`,
    // Whoever changes an account need not know of the list.
    ...afterUpdate({
      name: 'people_index_facet',
      table: 'accounts',
      columns: FACET_COLUMNS,
      act: `UPDATE people_index SET facet = ${facetOf('NEW')}
        WHERE sub = NEW.sub AND facet <> ${facetOf('NEW')};
        UPDATE people_words SET facet = ${facetOf('NEW')}
        WHERE id = (SELECT id FROM people_index WHERE sub = NEW.sub)
        AND facet <> ${facetOf('NEW')}`,
    }),
    // How far those who were there before are in the index; no row: all are.
    `CREATE TABLE people_fill (one INTEGER PRIMARY KEY CHECK (one = 1), after_sub TEXT NOT NULL)`,
    `INSERT INTO people_fill (one, after_sub) SELECT 1, '' WHERE EXISTS (SELECT 1 FROM accounts)`,
  ],
}
