// Drives a product with the npm package miio: node node_miio.js PACKAGE ADDRESS, the token on standard input.
// What it found is printed as one JSON object. Run by test_node_miio.py.
'use strict';

const [, , library, address] = process.argv;
const token = require('fs').readFileSync(0, 'utf8').trim();
const miio = require(library);

const POWER = { did: 'power', siid: 2, piid: 1 };

async function main() {
  const device = await miio.device({ address, token });
  const found = { id: device.id, model: device.miioModel };
  found.info = await device.miioCall('miIO.info', []);
  found.before = await device.miioCall('get_properties', [POWER]);
  found.set = await device.miioCall('set_properties', [{ ...POWER, value: false }]);
  found.after = await device.miioCall('get_properties', [POWER]);
  found.action = await device.miioCall('action', { did: 'dim', siid: 2, aiid: 2, in: [-20] });
  try {
    await device.miioCall('no_such_method', []);
  } catch (error) {
    found.refusal = { code: error.code, message: error.message };
  }
  device.destroy();
  return found;
}

main().then(
  (found) => {
    console.log(JSON.stringify(found));
    process.exit(0); // its timers would keep it alive for two more seconds
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
