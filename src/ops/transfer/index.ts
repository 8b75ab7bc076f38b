export { copyAcross, type Crossing, moveAcross, renameAcross, renameUserElsewhere } from "./across.ts";
export { finishTransfers, startCourier } from "./courier.ts";
export { addTransferVerbs, transferIntents, transferMessageVerbs, type transferTreeVerbs } from "./verbs.ts";
