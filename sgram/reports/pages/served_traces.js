
// The traces of the server on this computer that served the page (`sgram view`), with the answers of `localTraces`.
const servedTraces = (data) => {
  "use strict";
  async function ask(address) {
    const answer = await fetch(address, {credentials: "omit", referrerPolicy: "no-referrer"});
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return answer.json();
  }
  return {
    query: (wanted) => ask(`${data.list}?${new URLSearchParams(wanted)}`),
    whole: (key) => ask(`${data.trace}?${new URLSearchParams({key})}`),
  };
};
