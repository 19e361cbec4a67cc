import type { Deps, HashLane, HashPlace } from './ports.ts'

/**
 * Runs `act` with a place in the hashing queue kept for its one hash. Whoever finds none is sent
 * away (`AppError('busy')`) before anything is read, counted or written for them.
 */
export const keepPlace = async <T>(
  { hasher }: Pick<Deps, 'hasher'>,
  lane: HashLane,
  act: (place: HashPlace) => Promise<T>,
): Promise<T> => {
  const place = hasher.reserve(lane)
  try {
    return await act(place)
  } finally {
    place.leave()
  }
}
