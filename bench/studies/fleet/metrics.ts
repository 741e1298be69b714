// What the study measures.

export const TIME = "time";
export const CPU = "CPU";
export const HEAP = "heap per server";
export const RSS = "RSS per server";
export const SOCKETS = "sockets";
export const CLOSE = "close";
