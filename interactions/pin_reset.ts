import { type PersonStep, type PinResetStage, type StepPage, staged } from './step.ts'

export const pinResetStage = ({ proved }: PinResetStage): string =>
  proved ? 'pin_reset_define' : 'pin_reset_code'

export const pinResetPages = (_stage: PinResetStage): StepPage<PersonStep> => ({
  show: () => {
    throw new Error('not there yet')
  },
  submit: async () => staged(null),
})
