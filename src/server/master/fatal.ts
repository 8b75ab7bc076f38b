/** What ends master at its start. `status` is a sysexits number. */
export class FatalError extends Error {
  override name = "FatalError";
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
