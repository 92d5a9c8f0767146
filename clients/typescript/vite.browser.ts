/** One file with everything in it, for a page without a bundler. */

import { defineConfig } from "vite";

export default defineConfig({
  publicDir: false,
  build: {
    emptyOutDir: false,
    target: "es2022",
    rolldownOptions: { output: { minify: true } },
    lib: { entry: "dist/index.js", formats: ["es"], fileName: () => "browser.js" },
  },
});
