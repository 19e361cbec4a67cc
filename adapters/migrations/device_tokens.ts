import type { Migration } from '../migrate.ts'

/**
 * Which values of a browser's cookie each device is good for. Until now adding one ended all other
 * values of its browser, so that those still good then were good for all its devices.
 */
export const deviceTokens: Migration = {
  name: 'device_tokens',
  statements: () => [
    `CREATE TABLE device_tokens (
      token_hash TEXT NOT NULL REFERENCES browser_tokens (token_hash) ON DELETE CASCADE,
      device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
      PRIMARY KEY (token_hash, device_id)
    )`,
    `CREATE INDEX device_tokens_by_device ON device_tokens (device_id)`,
    `INSERT INTO device_tokens (token_hash, device_id)
      SELECT browser_tokens.token_hash, devices.id
      FROM devices JOIN browser_tokens ON browser_tokens.browser_id = devices.browser_id
      WHERE browser_tokens.state <> 'superseded'`,
  ],
}
