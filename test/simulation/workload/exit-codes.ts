/** How the recorded program says why it ended. */

/** The store failed on an error of the disk: a new process may go on. */
export const storeFailedCode = 75;
/** The store could not be opened. */
export const cannotOpenCode = 76;
