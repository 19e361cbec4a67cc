import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/**
 * What a store works with. The same queries serve inside and outside a transaction: `atomically`
 * begins one where there is none, and joins the one there is.
 */
export interface Sql {
  readonly db: Kysely<Schema>
  atomically<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>
}
