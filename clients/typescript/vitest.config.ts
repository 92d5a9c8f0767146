import { defineConfig } from "vitest/config";

const react18 = new URL("tests/react-18/node_modules/", import.meta.url).pathname;

/** The hooks are tested with both Reacts that they promise to work with. */
export default defineConfig({
  test: {
    restoreMocks: true,
    dangerouslyIgnoreUnhandledErrors: false,
    projects: [
      {
        extends: true,
        test: { name: "core", include: ["tests/*.test.ts"], environment: "happy-dom" },
      },
      {
        extends: true,
        test: {
          name: "react-19",
          include: ["tests/react/*.test.tsx"],
          environment: "happy-dom",
          env: { REACT: "19" },
        },
      },
      {
        extends: true,
        resolve: {
          alias: [
            { find: /^(react|react-dom|@testing-library\/react)$/, replacement: `${react18}$1` },
            { find: /^(react|react-dom)\/(.*)$/, replacement: `${react18}$1/$2.js` },
          ],
        },
        test: {
          name: "react-18",
          include: ["tests/react/*.test.tsx"],
          environment: "happy-dom",
          env: { REACT: "18" },
        },
      },
    ],
  },
});
