/** What may go wrong that no page of a step answers for. The error page words each of them. */
export type AppErrorCode =
  | 'session_not_found'
  | 'cookies_blocked'
  | 'foreign_interaction'
  | 'already_done'
  | 'form_expired'
  | 'bad_form' // a form of ours that cannot be read
  | 'bad_request' // of an application
  | 'not_found'
  | 'busy'
  | 'unavailable'
  | 'access_denied'
  | 'not_allowed' // to an administrator of this role, or with this person

/** The one error class of ours: a closed code for the page, a precise message for the log. */
export class AppError extends Error {
  readonly code: AppErrorCode
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: AppErrorCode,
    message: string = code,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'AppError'
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
