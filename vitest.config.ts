import { defineConfig } from 'vitest/config'

// Tests start real gateways, SQLite files and browsers: each file in a process of its own, two at
// a time (argon2 fills a core), and limits wide enough for a busy small machine.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 90_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    slowTestThreshold: 5_000,
    allowOnly: false,
    passWithNoTests: false,
  },
})
